#!lua flags=allow-oom
-- Everyone's mark, in one partition: raised to where an end had moved it, with its
-- log entry, unless it is there; then the entry alone, if again is 'unlogged'.
local everyone, log, head = unpack(KEYS)
local channel, tag, nb, reason, at, again = unpack(ARGV)
local mark = redis.call('HGET', everyone, 'm')
local there = not_before(mark) >= tonumber(nb)
if there and again ~= 'unlogged' then
  return 0
end
append(log, head, channel, tag, 'all', '', reason, nb, at)
if not there then
  redis.call('HSET', everyone, 'm', pack_mark(version(mark) + 1, tonumber(nb), reason))
end
return 1
