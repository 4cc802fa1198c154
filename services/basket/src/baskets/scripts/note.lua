-- Notes a course's new name, unless a newer one is known.
local snapshot = KEYS[1]
local version, name, lifetime = unpack(ARGV)

local known = redis.call('HGET', snapshot, 'version')
if not known or tonumber(known) < tonumber(version) then
    redis.call('HSET', snapshot, 'version', version, 'name', name)
end
redis.call('EXPIRE', snapshot, lifetime)
return 1
