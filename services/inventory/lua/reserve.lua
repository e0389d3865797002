-- May these orders have these goods? One call for a whole batch; each order all lines or none, in order.
--
-- KEYS[1]  {prefix}:meta, a hash: epoch, run_id
-- ARGV     epoch, run_id of this server, msgpack [candidates, asks, notes]
--            candidates  [[warehouse…]…]: the different lists, each once
--            asks        one flat list, since tables are most of the work:
--                        order_id, generation, place in candidates, number of SKUs, (sku, pieces)…
--            notes       "o:<order>" or "d:<document>" that this batch may settle later
-- Answer   nil when fenced (another epoch, a restarted or emptied server), else msgpack [time of the notes, answers]:
--          for each ask a warehouse (held), [pieces…] by warehouse and SKU (short, nothing written), or "" (out of date,
--          or held by several, which Postgres decides)
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'run_id')
if meta[1] ~= ARGV[1] or meta[2] ~= ARGV[2] then return nil end
-- Survivors of a restart may be older than what was decided: the server itself must be the same one.
if not string.find(redis.call('INFO', 'server'), 'run_id:' .. ARGV[2], 1, true) then return nil end

local CHUNK = 4000 -- arguments of one command; Lua's stack holds 8,000
local prefix = string.sub(KEYS[1], 1, -5) .. 'e' .. ARGV[1] .. ':'
local available_key, noted_key = prefix .. 'avail', prefix .. 'noted'
local request = cmsgpack.unpack(ARGV[3])
local candidates, stream, notes = request[1], request[2], request[3]
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function in_chunks(command, key, arguments)
    for from = 1, #arguments, CHUNK do
        redis.call(command, key, unpack(arguments, from, math.min(from + CHUNK - 1, #arguments)))
    end
end

local orders, generations, warehouses, wishes, keys = {}, {}, {}, {}, {}
local at = 1
while stream[at] do
    local i, goods, last = #orders + 1, {}, at + 3 + 2 * stream[at + 3]
    for j = at + 4, last do goods[#goods + 1] = stream[j] end
    orders[i], generations[i], warehouses[i] = stream[at], stream[at + 1], candidates[stream[at + 2]]
    wishes[i], keys[i] = goods, prefix .. 'hold:' .. stream[at]
    at = last + 1
end

local records = {}
for from = 1, #keys, CHUNK do
    local to = math.min(from + CHUNK - 1, #keys)
    local stored = redis.call('MGET', unpack(keys, from, to))
    for i = from, to do
        local packed = stored[i - from + 1]
        if packed then records[keys[i]] = cmsgpack.unpack(packed) end
    end
end

local available, changed = {}, {}
local function there(field)
    local pieces = available[field]
    if not pieces then
        pieces = tonumber(redis.call('HGET', available_key, field) or 0)
        available[field] = pieces
    end
    return pieces
end

local function add(warehouse, goods, sign)
    for g = 1, #goods, 2 do
        local field = warehouse .. '|' .. goods[g]
        available[field] = there(field) + sign * goods[g + 1]
        changed[field] = true
    end
end

local function give_back(record)
    if record[3] ~= '' then return add(record[3], record[4], 1) end
    for g = 1, #record[4], 2 do -- of several warehouses: by the names of their rows
        local field = record[4][g]
        available[field] = there(field) + record[4][g + 1]
        changed[field] = true
    end
end

local function choose(tried, goods)
    for _, warehouse in ipairs(tried) do
        local has_all = true
        for g = 1, #goods, 2 do
            if there(warehouse .. '|' .. goods[g]) < goods[g + 1] then
                has_all = false
                break
            end
        end
        if has_all then return warehouse end
    end
    return nil
end

local function short(tried, goods)
    local pieces = {}
    for _, warehouse in ipairs(tried) do
        for g = 1, #goods, 2 do pieces[#pieces + 1] = there(warehouse .. '|' .. goods[g]) end
    end
    return pieces
end

local answers, taken, written = {}, {}, {}
for i, goods in ipairs(wishes) do
    local key, generation = keys[i], generations[i]
    local record = records[key]
    local live = record and record[2] == 'live'
    if record and record[1] > generation then
        answers[i] = ''
    elseif live and record[1] == generation then
        answers[i] = record[3]
        notes[#notes + 1] = 'o:' .. orders[i] -- asked by somebody else than who noted it first
    else
        if live then -- an earlier generation that ended without our hearing of it
            give_back(record)
            record = {record[1], 'freed', record[3], record[4]}
            records[key] = record
            redis.call('SET', key, cmsgpack.pack(record), 'EX', 3600)
        end
        local warehouse = choose(warehouses[i], goods)
        if warehouse then
            add(warehouse, goods, -1)
            record = {generation, 'live', warehouse, goods}
            records[key] = record
            taken[#taken + 1] = key
            notes[#notes + 1] = 'o:' .. orders[i]
        end
        answers[i] = warehouse or short(warehouses[i], goods)
    end
end
for _, key in ipairs(taken) do -- without a time to live: its goods would be lost
    written[#written + 1] = key
    written[#written + 1] = cmsgpack.pack(records[key])
end
for from = 1, #written, CHUNK do
    redis.call('MSET', unpack(written, from, math.min(from + CHUNK - 1, #written)))
end

local levels, scores = {}, {}
for field in pairs(changed) do
    levels[#levels + 1] = field
    levels[#levels + 1] = available[field]
end
for _, note in ipairs(notes) do
    scores[#scores + 1] = now
    scores[#scores + 1] = note
end
in_chunks('HSET', available_key, levels)
in_chunks('ZADD', noted_key, scores)
return cmsgpack.pack({now, answers})
