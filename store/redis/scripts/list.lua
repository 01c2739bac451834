#!lua flags=allow-oom
-- All of a user's hash and everyone's mark, of the same moment.
local user, everyone = unpack(KEYS)
return {redis.call('HGET', everyone, 'm'), redis.call('HGETALL', user)}
