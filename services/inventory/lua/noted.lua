-- What was noted and not settled for a while, oldest first: [note, time, note, time…].
--
-- KEYS[1]  {prefix}:meta
-- ARGV     epoch, run_id, milliseconds of age, limit
-- Answer   nil when fenced
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'run_id')
if meta[1] ~= ARGV[1] or meta[2] ~= ARGV[2] then return nil end
if not string.find(redis.call('INFO', 'server'), 'run_id:' .. ARGV[2], 1, true) then return nil end
local time = redis.call('TIME')
local until_us = string.format('%.0f', time[1] * 1000000 + time[2] - tonumber(ARGV[3]) * 1000)
local noted_key = string.sub(KEYS[1], 1, -5) .. 'e' .. ARGV[1] .. ':noted'
return redis.call('ZRANGEBYSCORE', noted_key, '-inf', until_us, 'WITHSCORES', 'LIMIT', 0, ARGV[4])
