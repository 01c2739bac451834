-- What several scripts need: this stands in front of each of them.
--
-- A user's hash has these fields; numbers are big-endian, times milliseconds,
-- auth_time and "not before" seconds. Values up to 64 bytes keep it a listpack.
--   r        the user's entry in the register
--   m        the mark: version 8, not before 6, reason
--   <sid>    generation 8, opened 6, rotated 6, idle_expires 6, key hash 0 or 32
--   <sid>c   created 6, ends 6, auth_time 5, address and agent
--   <sid>l   label, where there is one
--   <sid>e   ended 6, reason; where it was ended

local function version(mark)
  return mark and struct.unpack('>I8', mark) or 0
end

local function not_before(mark)
  return mark and struct.unpack('>I6', mark, 9) or -1
end

local function pack_mark(v, nb, reason)
  return struct.pack('>I8I6', v, nb) .. reason
end

-- witness writes what nothing reads. WAIT covers what its connection has written, and
-- on Valkey no more: where an end is found made already, this is waited for.
local function witness(everyone)
  redis.call('HSET', everyone, 'w', '')
end

-- covered is the auth_time up to which the marks end sessions.
local function covered(own, all)
  return math.max(not_before(own), not_before(all))
end

local function auth_time(cold)
  return (struct.unpack('>I5', cold, 13))
end

-- sessions reads all of a user's, by id.
local function sessions(user)
  local all, flat = {}, redis.call('HGETALL', user)
  for i = 1, #flat, 2 do
    if #flat[i] >= 16 then
      local sid = string.sub(flat[i], 1, 16)
      all[sid] = all[sid] or {sid = sid, l = false, e = false}
      local part = string.sub(flat[i], 17)
      all[sid][part == '' and 'hot' or part] = flat[i + 1]
    end
  end
  return all
end

-- going holds for a session that neither an end nor a mark has ended.
local function going(s, until_auth)
  return not s.e and auth_time(s.c) > until_auth
end

local function lives(s, until_auth, at)
  return going(s, until_auth) and at < struct.unpack('>I6', s.hot, 21) and at < struct.unpack('>I6', s.c, 7)
end

-- precedes compares two ids as bytes: < goes by the server's locale.
local function precedes(a, b)
  for i = 1, 13, 4 do
    local x, y = struct.unpack('>I4', a, i), struct.unpack('>I4', b, i)
    if x ~= y then
      return x < y
    end
  end
  return false
end

local function older(a, b)
  return a.created < b.created or a.created == b.created and precedes(a.sid, b.sid)
end

-- oldest gives the n oldest of some sessions, in their order.
local function oldest(some, n)
  local kept = {}
  for _, s in ipairs(some) do
    if #kept < n or n > 0 and older(s, kept[n]) then
      local low, high = 1, #kept + 1
      while low < high do
        local middle = math.floor((low + high) / 2)
        if older(s, kept[middle]) then
          high = middle
        else
          low = middle + 1
        end
      end
      table.insert(kept, low, s)
      kept[n + 1] = nil
    end
  end
  return kept
end

-- extend lets the hash live that long at least, counted from now by the server's
-- clock alone.
local function extend(user, life)
  if redis.call('PTTL', user) == -1 then
    redis.call('PEXPIRE', user, life)
  else
    redis.call('PEXPIRE', user, life, 'GT')
  end
end

-- registered gives the user an entry in the register, which walks go along.
local function registered(user, register, name)
  if redis.call('HEXISTS', user, 'r') == 0 then
    redis.call('HSET', user, 'r', redis.call('XADD', register, '*', 'u', name))
  end
end

-- signed_in keeps the latest auth_time of the partition, for everyone's mark.
local function signed_in(everyone, auth)
  if auth > tonumber(redis.call('HGET', everyone, 'l') or 0) then
    redis.call('HSET', everyone, 'l', string.format('%.0f', auth))
  end
end

-- last_id is the time of the latest id that the log has had, 0 where there is none.
local function last_id(log)
  local info = redis.pcall('XINFO', 'STREAM', log)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      return tonumber(string.match(info[i + 1], '^%d+'))
    end
  end
  return 0
end

-- append writes a log entry; field and value are what only some kinds have. It
-- comes before the record that it tells of: a script is not rolled back, so that
-- where it fails here nothing has ended without an entry. Its id is the time in
-- microseconds, always later than the one before, and a random number, so that an
-- entry that takes the place of a lost one is known from it. head is the id of the
-- newest entry ever; where it was lost, the log knows the time of its latest.
local function append(log, head, channel, tag, kind, id, reason, nb, at, field, value)
  local t = redis.call('TIME')
  local now = t[1] * 1000000 + t[2]
  local function named(last)
    return string.format('%.0f-%s', math.max(now, last + 1), tag)
  end
  local fields = {'k', kind, 'i', id, 'r', reason, 'n', nb, 'a', at}
  if field and value ~= '' then
    fields[11], fields[12] = field, value
  end
  local entry = named(tonumber(string.match(redis.call('GET', head) or '0', '^%d+')))
  if type(redis.pcall('XADD', log, entry, unpack(fields))) == 'table' then
    entry = named(last_id(log))
    redis.call('XADD', log, entry, unpack(fields))
  end
  redis.call('SET', head, entry)
  redis.pcall('PUBLISH', channel, '') -- those who follow look all the same
end
