#!lua flags=allow-oom
-- Deletes what is too old of a piece of a partition's log. Gives how many entries
-- were deleted, and the last one looked at.
local log = KEYS[1]
local from, before, look, limit = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local due, last = {}, ''
for _, e in ipairs(redis.call('XRANGE', log, from, '+', 'COUNT', look)) do
  if #due == limit then
    break
  end
  last = e[1]
  for i = 1, #e[2], 2 do
    if e[2][i] == 'a' and tonumber(e[2][i + 1]) < before then
      due[#due + 1] = last
    end
  end
end
if #due > 0 then
  redis.call('XDEL', log, unpack(due))
end
return {#due, last}
