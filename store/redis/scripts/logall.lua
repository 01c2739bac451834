#!lua flags=allow-oom
-- The log entry of an end of everyone's sessions.
local log, head = unpack(KEYS)
local channel, tag, reason, seconds, at = unpack(ARGV)
append(log, head, channel, tag, 'all', '', reason, seconds, at)
return 1
