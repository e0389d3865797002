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

local fields, known = {}, {}
for _, ask in ipairs(asks) do
    for _, warehouse in ipairs(ask[3]) do
        for _, good in ipairs(ask[4]) do
            local field = warehouse .. '|' .. good[1]
            if not known[field] then
                known[field] = true
                fields[#fields + 1] = field
            end
        end
    end
end
local available, changed = {}, {}
for from = 1, #fields, CHUNK do
    local to = math.min(from + CHUNK - 1, #fields)
    local values = redis.call('HMGET', available_key, unpack(fields, from, to))
    for i = from, to do available[fields[i]] = tonumber(values[i - from + 1] or 0) end
end

local function add(warehouse, goods, sign)
    for _, good in ipairs(goods) do
        local field = warehouse .. '|' .. good[1]
        local there = available[field] or tonumber(redis.call('HGET', available_key, field) or 0)
        available[field] = there + sign * good[2]
        changed[field] = true
    end
end

local function choose(ask)
    for _, warehouse in ipairs(ask[3]) do
        local has_all = true
        for _, good in ipairs(ask[4]) do
            if available[warehouse .. '|' .. good[1]] < good[2] then
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
        for _, good in ipairs(ask[4]) do pieces[#pieces + 1] = available[warehouse .. '|' .. good[1]] end
    end
    return pieces
end

local answers = {}
for i, ask in ipairs(asks) do
    local key = prefix .. 'hold:' .. ask[1]
    local stored = redis.call('GET', key)
    local record = stored and cmsgpack.unpack(stored)
    local live = record and (record[2] == 'pending' or record[2] == 'confirmed')
    if record and record[1] > ask[2] then
        answers[i] = ''
    elseif live and record[1] == ask[2] then
        answers[i] = record[3]
    else
        if live then -- an earlier generation that ended without our hearing of it
            add(record[3], record[4], 1)
            redis.call('SET', key, cmsgpack.pack({record[1], 'freed', record[3], record[4]}), 'EX', 3600)
        end
        local warehouse = choose(ask)
        if warehouse then
            add(warehouse, ask[4], -1)
            redis.call('SET', key, cmsgpack.pack({ask[2], 'pending', warehouse, ask[4]}))
            notes[#notes + 1] = 'o:' .. ask[1]
        end
        answers[i] = warehouse or short(ask)
    end
end

local pairs_out = {}
for field in pairs(changed) do
    pairs_out[#pairs_out + 1] = field
    pairs_out[#pairs_out + 1] = available[field]
end
for from = 1, #pairs_out, CHUNK do
    redis.call('HSET', available_key, unpack(pairs_out, from, math.min(from + CHUNK - 1, #pairs_out)))
end
local scores = {}
for _, note in ipairs(notes) do
    scores[#scores + 1] = now
    scores[#scores + 1] = note
end
for from = 1, #scores, CHUNK do
    redis.call('ZADD', noted_key, unpack(scores, from, math.min(from + CHUNK - 1, #scores)))
end
return cmsgpack.pack(answers)
