#!lua flags=allow-oom
-- A piece of a partition's log: whether the log knows the entry after which it
-- is read, and what follows. An entry that was swept counts as known. A script that
-- might write is refused by a replica.
local log = KEYS[1]
local after, count = unpack(ARGV)
if redis.call('EXISTS', log) == 0 then
  return {after == '' and 1 or 0, {}}
end
local known = after == '' or #redis.call('XRANGE', log, after, after) > 0
if not known then
  local info, swept = redis.call('XINFO', 'STREAM', log), '0-0'
  for i = 1, #info, 2 do
    if info[i] == 'max-deleted-entry-id' then
      swept = info[i + 1]
    end
  end
  known = tonumber(string.match(after, '^%d+')) <= tonumber(string.match(swept, '^%d+'))
end
return {known and 1 or 0, redis.call('XRANGE', log, after == '' and '-' or '(' .. after, '+', 'COUNT', count)}
