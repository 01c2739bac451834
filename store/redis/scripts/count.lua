#!lua flags=no-writes
-- How many sessions of a few users are live, whose keys follow everyone's.
local all, at, n = redis.call('HGET', KEYS[1], 'm'), tonumber(ARGV[1]), 0
for i = 2, #KEYS do
  local until_auth = covered(redis.call('HGET', KEYS[i], 'm'), all)
  for _, s in pairs(sessions(KEYS[i])) do
    if lives(s, until_auth, at) then
      n = n + 1
    end
  end
end
return n
