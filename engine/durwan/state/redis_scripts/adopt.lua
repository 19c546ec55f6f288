-- Notes which server this is. If it is another one than it was, or was started again, it may have forgotten something.
-- KEYS: the mark of the store. ARGV: ticket, run id, a new epoch, now.
if redis.call('HGET', KEYS[1], 'run_id') ~= ARGV[2] then
  redis.call('HSET', KEYS[1], 'run_id', ARGV[2], 'epoch', ARGV[3], 'since', ARGV[4])
end
return { ARGV[1] }
