#!lua flags=allow-oom
-- A session and both marks, of the same moment. A script that might write is
-- refused by a replica, so that nobody reads what a demoted primary remembers.
local user, everyone = unpack(KEYS)
local sid = ARGV[1]
local found = redis.call('HMGET', user, 'm', sid, sid .. 'c', sid .. 'l', sid .. 'e')
found[6] = redis.call('HGET', everyone, 'm')
return found
