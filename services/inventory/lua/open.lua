-- Makes an epoch the one in force. Epochs only rise: a rebuilder that slept through another's work changes nothing.
--
-- KEYS[1]  {prefix}:meta
-- ARGV     epoch, run_id of the server it was written to
-- Answer   1, or 0 when a newer epoch is in force
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if epoch and tonumber(epoch) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'run_id', ARGV[2])
return 1
