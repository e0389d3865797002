-- May these orders have these goods? One call for a whole batch; each order all lines or none, in order.
--
-- KEYS[1]  {prefix}:meta, a hash: epoch, run_id
-- ARGV     epoch, run_id of this server, msgpack [asks, notes]
--            ask   [order_id, generation, [warehouse…], [[sku, pieces]…]]
--            note  "o:<order>" or "d:<document>" that this batch may settle later
-- Answer   nil when fenced (another epoch, a restarted or emptied server), else msgpack: for each ask
--          a warehouse (held), [pieces…] by warehouse and SKU (short, nothing written), or "" (out of date)
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'run_id')
if meta[1] ~= ARGV[1] or meta[2] ~= ARGV[2] then return nil end
-- Survivors of a restart may be older than what was decided: the server itself must be the same one.
if not string.find(redis.call('INFO', 'server'), 'run_id:' .. ARGV[2], 1, true) then return nil end

local CHUNK = 4000 -- arguments of one command; Lua's stack holds 8,000
local prefix = string.sub(KEYS[1], 1, -5) .. 'e' .. ARGV[1] .. ':'
local available_key, noted_key = prefix .. 'avail', prefix .. 'noted'
local request = cmsgpack.unpack(ARGV[3])
local asks, notes = request[1], request[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function in_chunks(command, key, arguments)
    for from = 1, #arguments, CHUNK do
        redis.call(command, key, unpack(arguments, from, math.min(from + CHUNK - 1, #arguments)))
    end
end

local keys, records = {}, {}
for i, ask in ipairs(asks) do keys[i] = prefix .. 'hold:' .. ask[1] end
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
    for _, good in ipairs(goods) do
        local field = warehouse .. '|' .. good[1]
        available[field] = there(field) + sign * good[2]
        changed[field] = true
    end
end

local function choose(ask)
    for _, warehouse in ipairs(ask[3]) do
        local has_all = true
        for _, good in ipairs(ask[4]) do
            if there(warehouse .. '|' .. good[1]) < good[2] then
                has_all = false
                break
            end
        end
        if has_all then return warehouse end
    end
    return nil
end

local function short(ask)
    local pieces = {}
    for _, warehouse in ipairs(ask[3]) do
        for _, good in ipairs(ask[4]) do pieces[#pieces + 1] = there(warehouse .. '|' .. good[1]) end
    end
    return pieces
end

local answers = {}
for i, ask in ipairs(asks) do
    local key = keys[i]
    local record = records[key]
    local live = record and record[2] == 'live'
    if record and record[1] > ask[2] then
        answers[i] = ''
    elseif live and record[1] == ask[2] then
        answers[i] = record[3]
    else
        if live then -- an earlier generation that ended without our hearing of it
            add(record[3], record[4], 1)
            records[key] = {record[1], 'freed', record[3], record[4]}
            redis.call('SET', key, cmsgpack.pack(records[key]), 'EX', 3600)
        end
        local warehouse = choose(ask)
        if warehouse then
            add(warehouse, ask[4], -1)
            records[key] = {ask[2], 'live', warehouse, ask[4]}
            redis.call('SET', key, cmsgpack.pack(records[key])) -- no time to live: its goods would be lost
            notes[#notes + 1] = 'o:' .. ask[1]
        end
        answers[i] = warehouse or short(ask)
    end
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
return cmsgpack.pack(answers)
