-- What was revoked after a generation. KEYS: the mark of the store, the generation, what is revoked by generation, the
-- same by expiry. ARGV: ticket, run id, a new epoch, now, the epoch and the generation that are known, how many at most.
-- Replies the epoch, the generation up to which this tells, that of the last, and what is revoked, each with its expiry.
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then
  epoch = ARGV[3]
  redis.call('HSET', KEYS[1], 'run_id', ARGV[2], 'epoch', epoch, 'since', ARGV[4])
end
local last = redis.call('GET', KEYS[2]) or '0'
local after = '0'
if epoch == ARGV[5] then after = ARGV[6] end
local reply = { ARGV[1], epoch, last, last }
local found = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. after, '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[7])
for at = 1, #found, 2 do
  local expires = redis.call('ZSCORE', KEYS[4], found[at])
  if expires and tonumber(expires) > tonumber(ARGV[4]) then
    reply[#reply + 1] = found[at]
    reply[#reply + 1] = string.format('%.0f', tonumber(expires))
  end
end
if #found / 2 == tonumber(ARGV[7]) then reply[3] = string.format('%.0f', tonumber(found[#found])) end
return reply
