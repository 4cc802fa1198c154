-- Puts a course into a basket, once. The index from course to baskets comes first, so that a rename finds every
-- basket; the name is the newer of the quote's and that of the last rename, which may have overtaken the quote.
local basket, snapshot, holders = KEYS[1], KEYS[2], KEYS[3]
local user, new_id, course, name, price, version, now, most, lifetime, index_lifetime = unpack(ARGV)

if redis.call('HEXISTS', basket, 'price:' .. course) == 1 then
    return { 'there', redis.call('HGETALL', basket) }
end
-- Two fields of the basket, four of each item.
if redis.call('HLEN', basket) >= 2 + 4 * tonumber(most) then
    return { 'full', redis.call('HGETALL', basket) }
end

local known = redis.call('HMGET', snapshot, 'version', 'name')
if known[1] and tonumber(known[1]) > tonumber(version) then
    version, name = known[1], known[2]
end
redis.call('SADD', holders, user)
redis.call('EXPIRE', holders, index_lifetime)
redis.call('HSETNX', basket, 'id', new_id)
redis.call('HSET', basket,
    'name:' .. course, name, 'seen:' .. course, version, 'price:' .. course, price, 'added:' .. course, now)
redis.call('HINCRBY', basket, 'version', 1)
redis.call('EXPIRE', basket, lifetime)
return { 'added', redis.call('HGETALL', basket) }
