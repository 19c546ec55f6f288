-- Charges several limits, or none: sliding_log.py in Lua. KEYS: their logs.
-- ARGV: ticket, 1 to charge or 0 to look only, now, and for each log: most, amount, period.
-- A log is a hash: `head` and `next` bound the entries in it, which stand under their numbers; `used` is their sum.
local EXACT = 256
local commit, now = ARGV[2] == '1', tonumber(ARGV[3])
local function text(number) return string.format('%.0f', number) end
local function entry(key, number)
  local first, last, amount = string.match(redis.call('HGET', key, text(number)), '^(%d+):(%d+):(%d+)$')
  return { first = tonumber(first), last = tonumber(last), amount = tonumber(amount) }
end

local logs, reply = {}, { ARGV[1] }
for number, key in ipairs(KEYS) do
  local found = redis.call('HMGET', key, 'head', 'next', 'used')
  local log = { head = tonumber(found[1] or '0'), next = tonumber(found[2] or '0'), used = tonumber(found[3] or '0') }
  local at = 1 + 3 * number
  log.amount, log.period = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local most, freed = tonumber(ARGV[at]), 0
  log.keep = log.head
  if log.next > log.head then log.newest = entry(key, log.next - 1) end
  log.ahead = log.newest and log.newest.last > now + log.period
  while not log.ahead and log.keep < log.next do
    local oldest = entry(key, log.keep)
    if oldest.last + log.period > now then break end
    freed, log.keep = freed + oldest.amount, log.keep + 1
  end
  if log.used - freed + log.amount > most then
    local retry = -1
    if log.amount <= most then
      if log.ahead then retry = now + log.period end
      local missing, next = log.used - freed + log.amount - most, log.keep
      while retry < 0 do
        local oldest = entry(key, next)
        missing, next = missing - oldest.amount, next + 1
        if missing <= 0 then retry = oldest.last + log.period end
      end
    end
    reply[#reply + 1] = number
    reply[#reply + 1] = text(retry)
  end
  log.used = log.used - freed
  logs[number] = log
end
if #reply > 1 or not commit then return reply end

for number, key in ipairs(KEYS) do
  local log = logs[number]
  if log.ahead then
    redis.call('DEL', key)
    log.newest = { first = now, last = now, amount = log.used }
    log.head, log.keep, log.next = 0, 0, 1
  end
  for ended = log.head, log.keep - 1 do redis.call('HDEL', key, text(ended)) end
  local added = { first = now, last = now, amount = log.amount }
  if log.next > log.keep then
    added.last = math.max(now, log.newest.last)
    added.first = added.last
    local grain = 1
    if log.next - log.keep >= EXACT then grain = math.ceil(log.period / EXACT) end
    if added.last - log.newest.first < grain then
      added.first, added.amount = log.newest.first, log.newest.amount + log.amount
      log.next = log.next - 1
    end
  end
  local value = text(added.first) .. ':' .. text(added.last) .. ':' .. text(added.amount)
  redis.call('HSET', key, text(log.next), value, 'head', text(log.keep), 'next', text(log.next + 1),
    'used', text(log.used + log.amount))
  redis.call('PEXPIRE', key, text(added.last - now + 2 * log.period))
end
return reply
