#!lua flags=allow-oom
-- The log entry of an end of everyone's sessions, which is complete with it.
local ending, log, head = unpack(KEYS)
local note, channel, tag, reason, seconds, at = unpack(ARGV)
append(log, head, channel, tag, 'all', '', reason, seconds, at)
redis.call('HDEL', ending, note)
return 1
