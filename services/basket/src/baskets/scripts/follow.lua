-- Brings the noted name of a course into some baskets: each once, since each remembers the version of the name
-- that it has. KEYS: snapshot, index, then the baskets; ARGV: the course, then the baskets' users.
local snapshot, holders = KEYS[1], KEYS[2]
local course = ARGV[1]

local known = redis.call('HMGET', snapshot, 'version', 'name')
local changed = 0
for i = 3, #KEYS do
    local seen = redis.call('HGET', KEYS[i], 'seen:' .. course)
    if not seen then
        -- The basket has expired, or the course was taken out.
        redis.call('SREM', holders, ARGV[i - 1])
    elseif known[1] and tonumber(seen) < tonumber(known[1]) then
        redis.call('HSET', KEYS[i], 'name:' .. course, known[2], 'seen:' .. course, known[1])
        redis.call('HINCRBY', KEYS[i], 'version', 1)
        changed = changed + 1
    end
end
return changed
