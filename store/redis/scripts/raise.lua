#!lua flags=allow-oom
-- Everyone's mark, in one partition: raised to where an end had moved it, with its
-- log entry, unless it is there.
local everyone, log, head = unpack(KEYS)
local channel, tag, nb, reason, at = unpack(ARGV)
local mark = redis.call('HGET', everyone, 'm')
if not_before(mark) >= tonumber(nb) then
  return 0
end
append(log, head, channel, tag, 'all', '', reason, nb, at)
redis.call('HSET', everyone, 'm', pack_mark(version(mark) + 1, tonumber(nb), reason))
return 1
