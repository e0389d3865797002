-- name: lock_counting
-- Transactions begin with it, and so it takes no parameters. From here on rows are found one by one by their keys: a
-- batch names a thousandth of a large table, but so much of a small one that the planner would rather read it whole, and
-- that costs more than the locks.
SELECT pg_advisory_xact_lock_shared(7266874, 1),
       set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)

-- name: add_rows
INSERT INTO inventory.stock (warehouse, sku)
SELECT warehouse, sku FROM unnest($1::text[], $2::text[]) AS new(warehouse, sku)
ORDER BY warehouse, sku
ON CONFLICT DO NOTHING

-- name: lock_rows
SELECT stock.warehouse, stock.sku, stock.on_hand, stock.reserved, stock.batched, stock.counted_from IS NOT NULL,
       stock.set_aside
FROM inventory.stock
JOIN unnest($1::text[], $2::text[]) AS wanted(warehouse, sku)
  ON stock.warehouse = wanted.warehouse AND stock.sku = wanted.sku
ORDER BY stock.warehouse, stock.sku
FOR UPDATE OF stock

-- name: look_at_rows
SELECT stock.warehouse, stock.sku, stock.on_hand - stock.reserved - stock.withheld - stock.set_aside AS available
FROM inventory.stock
JOIN unnest($1::text[], $2::text[]) AS wanted(warehouse, sku)
  ON stock.warehouse = wanted.warehouse AND stock.sku = wanted.sku

-- name: write_rows
UPDATE inventory.stock
SET on_hand = new.on_hand, reserved = new.reserved, changed_at = clock_timestamp()
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS new(warehouse, sku, on_hand, reserved)
WHERE stock.warehouse = new.warehouse AND stock.sku = new.sku

-- name: read_epoch
SELECT epoch, run_id, state FROM inventory.epoch

-- name: void_epoch
UPDATE inventory.epoch SET state = 'REBUILDING' WHERE state = 'LIVE'

-- name: begin_rebuild
UPDATE inventory.epoch SET epoch = greatest(epoch, $1) + 1, state = 'REBUILDING' RETURNING epoch

-- name: exclude_counting
SELECT pg_advisory_xact_lock(7266874, 1)

-- name: all_levels
SELECT warehouse, sku, on_hand - reserved - withheld AS available FROM inventory.stock

-- name: live_holds
SELECT key, document FROM inventory.reservations WHERE state = 'held'

-- name: finish_rebuild
UPDATE inventory.epoch
SET state = 'LIVE', run_id = $2, entry_id = (SELECT coalesce(max(id), 0) FROM inventory.ledger) WHERE epoch = $1

-- name: aggregates
SELECT key, document FROM inventory.reservations WHERE key = ANY($1::text[])

-- name: booked_arrivals
-- Those the epoch in force did not begin with.
SELECT document_no, warehouse, sku, quantity - withheld AS quantity FROM inventory.ledger
WHERE document_no = ANY($1::text[]) AND kind NOT IN ('deduction', 'repair')
  AND id > (SELECT entry_id FROM inventory.epoch)

-- name: under_way
SELECT EXISTS (
    SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND classid = 7266874 AND objid = 1 AND mode = 'ShareLock' AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND xact_start <= clock_timestamp() - make_interval(secs => $1)
)

-- name: due_holds
SELECT key, generation, coalesce(json_array_length(document->'state'->'extensions'), 0) AS extensions
FROM inventory.reservations
WHERE state = 'held' AND reference IS NULL AND expires_at <= $1 ORDER BY expires_at LIMIT $2

-- name: unpaid_holds
SELECT buyer, count(*) AS holds FROM inventory.reservations WHERE buyer = ANY($1::text[]) GROUP BY buyer

-- name: count_backorders
SELECT count(*) FROM inventory.reservations
WHERE state = 'short' AND reference IS NULL AND (document->'state'->>'paid')::boolean

-- name: servable_backorders
-- Each of its SKUs lies somewhere in the pieces it wants ($2: in all places together, where orders may be split);
-- whether in warehouses of its own, and of its quota, is decided later. From ($3, $4) on: since when, and which order.
WITH waiting AS (
    SELECT key, document FROM inventory.reservations
    WHERE state = 'short' AND reference IS NULL AND (document->'state'->>'paid')::boolean
), wishes AS (
    SELECT key, line->>1 AS sku, sum((line->>2)::bigint) AS pieces
    FROM waiting, json_array_elements(document->'state'->'lines') AS line GROUP BY 1, 2
), most AS (
    SELECT sku, CASE WHEN $2 THEN sum(greatest(on_hand - reserved - withheld, 0))
                     ELSE max(on_hand - reserved - withheld) END AS pieces
    FROM inventory.stock WHERE sku IN (SELECT sku FROM wishes) GROUP BY sku
), lacking AS (
    SELECT wishes.key FROM wishes LEFT JOIN most USING (sku)
    WHERE coalesce(most.pieces, 0) < wishes.pieces
)
SELECT key, document, coalesce(document->'state'->>'short_since', '') AS since FROM waiting
WHERE key NOT IN (SELECT key FROM lacking) AND (coalesce(document->'state'->>'short_since', ''), key) > ($3, $4)
ORDER BY since, key LIMIT $1

-- name: try_lead
SELECT pg_try_advisory_xact_lock(7266875, $1)

-- name: changed_levels
SELECT warehouse, sku, on_hand, reserved, withheld + set_aside AS withheld, changed_at FROM inventory.stock
WHERE changed_at > $1 ORDER BY changed_at

-- name: availability
SELECT warehouse, sku, on_hand, reserved, withheld, on_hand - reserved - withheld - set_aside AS available, kept,
       set_aside
FROM inventory.stock
WHERE sku = ANY($1::text[]) ORDER BY sku, warehouse

-- name: latest_entries
SELECT at, warehouse, kind, quantity, balance_after, document_no, batch, withheld FROM inventory.ledger
WHERE sku = $1 ORDER BY id DESC LIMIT 20

-- name: invariants
WITH live AS (
    SELECT warehouse, sku, sum(pieces) AS pieces FROM inventory.held_goods GROUP BY 1, 2
), booked AS (
    SELECT warehouse, sku, sum(quantity) AS pieces FROM inventory.ledger GROUP BY 1, 2
), level AS (
    SELECT warehouse, sku, on_hand, reserved,
           coalesce(live.pieces, 0) AS held, coalesce(booked.pieces, 0) AS had
    FROM inventory.stock
    FULL JOIN booked USING (warehouse, sku)
    FULL JOIN live USING (warehouse, sku)
)
SELECT coalesce(sum(greatest(held - had, 0)), 0)::bigint AS oversold_units,
       count(*) FILTER (WHERE on_hand < 0 OR reserved < 0 OR on_hand < reserved) AS negative_rows,
       coalesce(sum(abs(coalesce(reserved, 0) - held)), 0)::bigint AS reserved_mismatch,
       coalesce(sum(abs(coalesce(on_hand, 0) - had)), 0)::bigint AS ledger_mismatch
FROM level

-- name: count_entries
SELECT count(*) FROM inventory.ledger

-- name: entries_after
SELECT id, warehouse, sku, quantity, kind, document_no, balance_after, batch, withheld FROM inventory.ledger
WHERE id > $1 ORDER BY id LIMIT $2

-- name: entries_of_row
SELECT id, warehouse, sku, quantity, kind, document_no, balance_after, batch, withheld FROM inventory.ledger
WHERE sku = $2 AND warehouse = $1 ORDER BY id

-- name: stock
SELECT warehouse, sku, on_hand, reserved FROM inventory.stock

-- name: held
SELECT warehouse, sku, sum(pieces)::bigint AS pieces FROM inventory.held_goods GROUP BY 1, 2

-- name: held_of_row
SELECT coalesce(sum(pieces), 0)::bigint FROM inventory.held_goods WHERE warehouse = $1 AND sku = $2

-- name: unread_entries
SELECT ledger.id, ledger.warehouse, ledger.sku, ledger.quantity, ledger.kind, ledger.document_no,
       ledger.balance_after, ledger.batch, ledger.withheld, ledger.at < clock_timestamp() - $2::interval AS settled,
       checkpoints.entry_id, checkpoints.pieces, checkpoints.stated, checkpoints.broken
FROM inventory.ledger
LEFT JOIN inventory.checkpoints USING (warehouse, sku)
WHERE ledger.id > (SELECT entry_id FROM inventory.read_to)
  AND ledger.id > coalesce(checkpoints.entry_id, 0)
ORDER BY ledger.id LIMIT $1

-- name: keep_checkpoints
INSERT INTO inventory.checkpoints (warehouse, sku, entry_id, pieces, stated, broken)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::json[])
ON CONFLICT (warehouse, sku) DO UPDATE
SET entry_id = excluded.entry_id, pieces = excluded.pieces, stated = excluded.stated, broken = excluded.broken

-- name: keep_read_to
UPDATE inventory.read_to SET entry_id = greatest(entry_id, $1)

-- name: suspect_rows
SELECT warehouse, sku FROM inventory.stock
LEFT JOIN inventory.checkpoints USING (warehouse, sku)
WHERE on_hand <> coalesce(pieces, 0)
UNION
SELECT warehouse, sku FROM inventory.checkpoints WHERE broken IS NOT NULL
ORDER BY warehouse, sku LIMIT $1

-- name: checkpoint_sums
WITH held AS (
    SELECT warehouse, sku, sum(pieces) AS pieces FROM inventory.held_goods GROUP BY 1, 2
)
SELECT coalesce(sum(abs(coalesce(on_hand, 0) - coalesce(checkpoints.pieces, 0))), 0)::bigint AS mismatch,
       coalesce(sum(abs(coalesce(reserved, 0) - coalesce(held.pieces, 0))), 0)::bigint AS reserved_mismatch,
       count(*) FILTER (WHERE checkpoints.broken IS NOT NULL) AS broken_rows,
       coalesce(sum(greatest(held.pieces - coalesce(checkpoints.pieces, 0), 0)), 0)::bigint AS oversold_units,
       count(*) FILTER (WHERE on_hand < 0 OR reserved < 0 OR on_hand < reserved) AS negative_rows,
       max(changed_at) AS newest_change_at
FROM inventory.stock
FULL JOIN inventory.checkpoints USING (warehouse, sku)
FULL JOIN held USING (warehouse, sku)

-- name: moved_since
SELECT asked.warehouse, asked.sku, asked.at, sum(quantity)::bigint AS pieces
FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS asked(warehouse, sku, at)
JOIN inventory.ledger ON ledger.warehouse = asked.warehouse AND ledger.sku = asked.sku AND ledger.at > asked.at
WHERE kind <> 'repair' GROUP BY 1, 2, 3

-- name: document
SELECT document FROM inventory.reservations WHERE key = $1

-- name: skus_of
SELECT sku FROM inventory.stock WHERE warehouse = $1 ORDER BY sku
