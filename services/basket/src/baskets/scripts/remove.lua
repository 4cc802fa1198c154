-- Takes a course out of a basket. An empty basket stays, so that its version never goes back.
local basket, holders = KEYS[1], KEYS[2]
local user, course, lifetime = unpack(ARGV)

if redis.call('HEXISTS', basket, 'price:' .. course) == 0 then
    return 0
end
redis.call('HDEL', basket, 'name:' .. course, 'seen:' .. course, 'price:' .. course, 'added:' .. course)
redis.call('HINCRBY', basket, 'version', 1)
redis.call('EXPIRE', basket, lifetime)
redis.call('SREM', holders, user)
return 1
