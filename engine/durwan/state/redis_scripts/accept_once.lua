-- Uses a nonce up. KEYS: the nonce, the mark of the store.
-- ARGV: ticket, run id, a new epoch, now, the earliest instant at which it can have been used, for how long to keep it.
-- Replies 1 if it is new, 0 if not, -1 and since when the store remembers if that is too late to know.
local since = redis.call('HGET', KEYS[2], 'since')
if not since then
  since = ARGV[4]
  redis.call('HSET', KEYS[2], 'run_id', ARGV[2], 'epoch', ARGV[3], 'since', since)
end
if redis.call('EXISTS', KEYS[1]) == 1 then return { ARGV[1], 0 } end
if tonumber(ARGV[5]) < tonumber(since) then return { ARGV[1], -1, since } end
redis.call('SET', KEYS[1], '', 'PX', ARGV[6])
return { ARGV[1], 1 }
