#!lua flags=allow-oom
-- Strikes the notes of the ends of everyone's sessions that began no later than
-- this one, which is complete: to finish them would end what began since.
local ending, everyone = unpack(KEYS)
local begun = tonumber(ARGV[1])
for _, note in ipairs(redis.call('HKEYS', ending)) do
  if tonumber(string.match(note, '^%d+') or 0) <= begun then
    redis.call('HDEL', ending, note)
  end
end
witness(everyone) -- a fail-over may have lost the note
return 1
