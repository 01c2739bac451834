#!lua flags=allow-oom
-- pawl.Rate.GiveBack of each of the buckets.
local now = tonumber(ARGV[1])
for i, key in ipairs(KEYS) do
  local drained = tonumber(redis.call('GET', key) or 0) - tonumber(ARGV[i + 1])
  if drained > now then
    redis.call('SET', key, string.format('%.0f', drained), 'KEEPTTL')
  else
    redis.call('DEL', key)
  end
end
return 1
