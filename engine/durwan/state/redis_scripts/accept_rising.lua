-- Uses a number up: rising.py in Lua. KEYS: the floor of the scope, the numbers seen above it.
-- ARGV: ticket, the number, the number less the window or an empty text, how many are remembered.
-- Numbers are texts of 20 digits, which compare as numbers do, also where those have more digits than Lua's have.
local number, floor = ARGV[2], redis.call('GET', KEYS[1]) or ''
if number <= floor or redis.call('ZSCORE', KEYS[2], number) then return { ARGV[1], 0 } end
if ARGV[3] > floor then floor = ARGV[3] end
if number > floor then redis.call('ZADD', KEYS[2], 0, number) end
redis.call('ZREMRANGEBYLEX', KEYS[2], '-', '[' .. floor)
if redis.call('ZCARD', KEYS[2]) > tonumber(ARGV[4]) then floor = redis.call('ZPOPMIN', KEYS[2])[1] end
redis.call('SET', KEYS[1], floor)
return { ARGV[1], 1 }
