-- Writes a part of a new epoch. Nobody reads it before open.lua names the epoch in meta.
--
-- KEYS[1]  {prefix}:meta
-- ARGV     epoch being built, msgpack [levels, holds]
--            level  [warehouse, sku, available]
--            hold   [order_id, generation, warehouse, [sku, pieces…]]
local prefix = string.sub(KEYS[1], 1, -5) .. 'e' .. ARGV[1] .. ':'
local request = cmsgpack.unpack(ARGV[2])
for _, level in ipairs(request[1]) do
    redis.call('HSET', prefix .. 'avail', level[1] .. '|' .. level[2], level[3])
end
for _, hold in ipairs(request[2]) do
    redis.call('SET', prefix .. 'hold:' .. hold[1], cmsgpack.pack({hold[2], 'live', hold[3], hold[4]}))
end
return 1
