-- Tallies and sightings: observations.py in Lua. KEYS: the buckets of the tallies, then the members of the sightings.
-- ARGV: ticket, now, the number of tallies, for each tally the length of a bucket and how many to add, for each sighting
-- the period, how many members are kept, the member, and 1 if it is seen now.
-- Replies each count, then for each sighting how many members there are and since when this one, -1 if it is not known.
local BUCKETS = 6
local now, tallies = tonumber(ARGV[2]), tonumber(ARGV[3])
local function text(number) return string.format('%.0f', number) end

local function tally(key, width, add)
  local current, count, ahead = math.floor(now / width), 0, 0
  local kept = redis.call('HGETALL', key)
  for at = 1, #kept, 2 do
    local bucket = tonumber(kept[at])
    if bucket > current + BUCKETS then ahead = ahead + tonumber(kept[at + 1]) end
    if math.abs(bucket - current) > BUCKETS then
      redis.call('HDEL', key, kept[at])
    else
      count = count + tonumber(kept[at + 1])
    end
  end
  if add + ahead > 0 then
    redis.call('HINCRBY', key, text(current), text(add + ahead))
    redis.call('PEXPIRE', key, text((2 * BUCKETS + 1) * width))
  end
  return count + add + ahead
end

local function sighting(key, period, most, member, add)
  local seen, count, newest = {}, 0, 0
  local function keep(each, first, last)
    redis.call('HSET', key, each, text(first) .. ':' .. text(last))
    seen[each] = { first = first, last = last }
  end
  local kept = redis.call('HGETALL', key)
  for at = 1, #kept, 2 do
    local first, last = string.match(kept[at + 1], '^(%d+):(%d+)$')
    first, last = tonumber(first), tonumber(last)
    if last <= now - period then
      redis.call('HDEL', key, kept[at])
    elseif last > now + period then
      keep(kept[at], math.min(first, now), now)
      count = count + 1
    else
      seen[kept[at]] = { first = first, last = last }
      count = count + 1
    end
  end
  local known, since = seen[member], -1
  if known then since = math.min(known.first, now) end
  if add and known then keep(member, known.first, math.max(known.last, now)) end
  if add and not known then
    keep(member, now, now)
    count = count + 1
  end
  if count > most then
    local oldest
    for each, instants in pairs(seen) do
      local older = oldest and (instants.last < seen[oldest].last or instants.last == seen[oldest].last and each < oldest)
      if each ~= member and (not oldest or older) then oldest = each end
    end
    redis.call('HDEL', key, oldest)
    count = count - 1
  end
  if add then
    for _, instants in pairs(seen) do newest = math.max(newest, instants.last) end
    redis.call('PEXPIRE', key, text(newest + period - now))
  end
  return count, since
end

local reply = { ARGV[1] }
for number = 1, tallies do
  reply[#reply + 1] = tally(KEYS[number], tonumber(ARGV[2 + 2 * number]), tonumber(ARGV[3 + 2 * number]))
end
for number = tallies + 1, #KEYS do
  local at = 4 * number - 2 * tallies
  local period, most = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local count, since = sighting(KEYS[number], period, most, ARGV[at + 2], ARGV[at + 3] == '1')
  reply[#reply + 1] = count
  reply[#reply + 1] = since
end
return reply
