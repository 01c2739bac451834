#!lua
-- One try from each of the buckets, or none: pawl.Rate.Take of each. A bucket is
-- the moment at which it will have drained, in milliseconds, and is forgotten
-- then. What a refused try finds too far ahead is put right: the clock was set
-- back.
local now = tonumber(ARGV[1])
local next, retry = {}, 0
local function keep(key, drained)
  redis.call('SET', key, string.format('%.0f', drained), 'PX', string.format('%.0f', math.max(drained - now, 1)))
end
for i, key in ipairs(KEYS) do
  local burst, interval = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local full, kept = now + burst * interval, tonumber(redis.call('GET', key) or 0)
  local drained = math.max(math.min(kept, full), now)
  if drained < kept then
    keep(key, drained)
  end
  next[i] = drained + interval
  retry = math.max(retry, next[i] - full)
end
if retry == 0 then
  for i, key in ipairs(KEYS) do
    keep(key, next[i])
  end
end
return retry
