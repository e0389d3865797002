-- A batch of orders, each all lines or none, in order.
--
-- KEYS[1]  hash: "warehouse|sku" → pieces    KEYS[2]  hash: order id → warehouse, "" where it was short
-- ARGV[1]  msgpack [[order_id, [warehouse…], [sku, pieces…]]…]
-- Answer   msgpack: for each order its warehouse, or [pieces there…] by SKU in the first warehouse
local CHUNK = 4000 -- arguments of one command; Lua's stack holds 8,000
local orders, ids = cmsgpack.unpack(ARGV[1]), {}
for i, order in ipairs(orders) do ids[i] = order[1] end
local known = redis.call('HMGET', KEYS[2], unpack(ids))

local available, changed = {}, {}
local function there(field)
    local pieces = available[field]
    if not pieces then
        pieces = tonumber(redis.call('HGET', KEYS[1], field) or 0)
        available[field] = pieces
    end
    return pieces
end

local function has_all(warehouse, goods)
    for g = 1, #goods, 2 do
        if there(warehouse .. '|' .. goods[g]) < goods[g + 1] then return false end
    end
    return true
end

local answers, held, answered = {}, {}, {}
for i, order in ipairs(orders) do
    local chosen = known[i] or answered[order[1]]
    if not chosen then
        chosen = ''
        for _, warehouse in ipairs(order[2]) do
            if has_all(warehouse, order[3]) then
                chosen = warehouse
                break
            end
        end
        for g = 1, chosen ~= '' and #order[3] or 0, 2 do
            local field = chosen .. '|' .. order[3][g]
            available[field] = there(field) - order[3][g + 1]
            changed[field] = true
        end
        answered[order[1]] = chosen
        held[#held + 1] = order[1]
        held[#held + 1] = chosen
    end
    if chosen ~= '' then
        answers[i] = chosen
    else
        local pieces = {}
        for g = 1, #order[3], 2 do pieces[#pieces + 1] = there(order[2][1] .. '|' .. order[3][g]) end
        answers[i] = pieces
    end
end

local levels = {}
for field in pairs(changed) do
    levels[#levels + 1] = field
    levels[#levels + 1] = available[field]
end
for from = 1, #levels, CHUNK do
    redis.call('HSET', KEYS[1], unpack(levels, from, math.min(from + CHUNK - 1, #levels)))
end
for from = 1, #held, CHUNK do
    redis.call('HSET', KEYS[2], unpack(held, from, math.min(from + CHUNK - 1, #held)))
end
return cmsgpack.pack(answers)
