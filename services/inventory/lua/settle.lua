-- Makes hold records what Postgres decided, and counts goods that came in. Repeating it changes nothing.
--
-- KEYS[1]  {prefix}:meta
-- ARGV     epoch, run_id, msgpack [confirmed, targets, arrivals, forgotten, own]
--            confirmed  notes of promises that Postgres kept as they were made
--            target     [order_id, generation, "held" | "freed" | "spent", warehouse, [sku, pieces…], noted, gone]
--                       warehouse '' where several hold it: the goods then name their rows, "warehouse|sku"
--                       gone [sku, pieces…]: what left of it before we heard of it
--            arrival    [document_no, warehouse, [sku, pieces…], noted]; all of a document in one call
--            forgotten  [note, noted]: nothing came of it
--            own        when the caller's notes were taken; a later one is somebody else's and stays. 0: all are its own
--          noted ≠ 0: only while the note still bears this time, i.e. nobody has been at it since
-- Answer   nil when fenced; 0 when somebody settled one of `confirmed` in between: settle them as targets; else 1
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'run_id')
if meta[1] ~= ARGV[1] or meta[2] ~= ARGV[2] then return nil end
if not string.find(redis.call('INFO', 'server'), 'run_id:' .. ARGV[2], 1, true) then return nil end

local CHUNK = 4000
local TOMBSTONE_S = 3600  -- a live hold never has a time to live: its goods would be lost
local DOCUMENT_S = 86400
local prefix = string.sub(KEYS[1], 1, -5) .. 'e' .. ARGV[1] .. ':'
local available_key, noted_key = prefix .. 'avail', prefix .. 'noted'
local request = cmsgpack.unpack(ARGV[3])

local changes, done = {}, {}

-- Our own note that is still there says that nobody has been at the hold since it was promised: it is as it must be.
local confirmed, own, still_noted = request[1], request[5], 0
for from = 1, #confirmed, CHUNK do
    local scores = redis.call('ZMSCORE', noted_key, unpack(confirmed, from, math.min(from + CHUNK - 1, #confirmed)))
    for i, score in ipairs(scores) do
        if score and tonumber(score) == own then
            still_noted = still_noted + 1
            done[#done + 1] = confirmed[from + i - 1]
        end
    end
end

local function settled(note)
    if own > 0 then
        local score = redis.call('ZSCORE', noted_key, note)
        if score and tonumber(score) > own then return end
    end
    done[#done + 1] = note
end
local function add(warehouse, goods, sign)
    for g = 1, #goods, 2 do
        local field = warehouse == '' and goods[g] or warehouse .. '|' .. goods[g]
        changes[field] = (changes[field] or 0) + sign * goods[g + 1]
    end
end

local function current(note, noted)
    if noted == 0 then return true end
    local score = redis.call('ZSCORE', noted_key, note)
    return score and tonumber(score) == noted
end

for _, target in ipairs(request[2]) do
    local order, generation, ending, warehouse, goods = target[1], target[2], target[3], target[4], target[5]
    local note, key = 'o:' .. order, prefix .. 'hold:' .. order
    if current(note, target[6]) then
        settled(note)
        local stored = redis.call('GET', key)
        local record = stored and cmsgpack.unpack(stored)
        local gone = record and record[1] == generation and record[2] == 'spent' and ending == 'held' -- these news are older
        if not (record and record[1] > generation) and not gone then
            local live = record and record[2] == 'live'
            local same = record and record[1] == generation
            if live and not (same and ending ~= 'freed' and record[3] == warehouse) then
                add(record[3], record[4], 1)
                live = false
            end
            if ending ~= 'freed' and not live and not (same and record[2] == 'spent') then
                add(warehouse, goods, -1)
                add(warehouse, target[7], -1)
            end
            if ending == 'held' then
                redis.call('SET', key, cmsgpack.pack({generation, 'live', warehouse, goods}))
            else -- kept without a record, too: older news of this order may still be on their way
                redis.call('SET', key, cmsgpack.pack({generation, ending, warehouse, goods}), 'EX', TOMBSTONE_S)
            end
        end
    end
end

local is_new = {}
for _, arrival in ipairs(request[3]) do
    local note, key = 'd:' .. arrival[1], prefix .. 'document:' .. arrival[1]
    if current(note, arrival[4]) then
        settled(note)
        if is_new[key] == nil then is_new[key] = redis.call('SET', key, '1', 'NX', 'EX', DOCUMENT_S) and true end
        if is_new[key] then add(arrival[2], arrival[3], 1) end
    end
end

for _, forgotten in ipairs(request[4]) do
    if current(forgotten[1], forgotten[2]) then settled(forgotten[1]) end
end

for field, change in pairs(changes) do
    if change ~= 0 then redis.call('HINCRBY', available_key, field, change) end
end
for from = 1, #done, CHUNK do
    redis.call('ZREM', noted_key, unpack(done, from, math.min(from + CHUNK - 1, #done)))
end
return still_noted == #confirmed and 1 or 0
