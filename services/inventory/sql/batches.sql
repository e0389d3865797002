-- name: read
SELECT warehouse, sku, batch, produced_on, expires_on, on_hand, held, standing, why FROM inventory.batches
JOIN unnest($1::text[], $2::text[]) AS wanted(warehouse, sku) USING (warehouse, sku)

-- name: save
INSERT INTO inventory.batches (warehouse, sku, batch, produced_on, expires_on, on_hand, held, standing, why)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::date[], $5::date[], $6::bigint[], $7::bigint[],
    $8::text[], $9::text[])
ON CONFLICT (warehouse, sku, batch) DO UPDATE
SET on_hand = excluded.on_hand, held = excluded.held, standing = excluded.standing, why = excluded.why

-- name: save_withheld
UPDATE inventory.stock SET withheld = new.withheld, batched = batched OR EXISTS (
    SELECT FROM inventory.batches WHERE batches.warehouse = new.warehouse AND batches.sku = new.sku)
FROM unnest($1::text[], $2::text[], $3::bigint[]) AS new(warehouse, sku, withheld)
WHERE stock.warehouse = new.warehouse AND stock.sku = new.sku

-- name: recalled
SELECT DISTINCT sku, batch FROM inventory.batches
JOIN unnest($1::text[], $2::text[]) AS asked(sku, batch) USING (sku, batch) WHERE standing = 'recalled'

-- name: moved_since
SELECT asked.warehouse, asked.sku, asked.at, batch, sum(quantity)::bigint AS pieces
FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS asked(warehouse, sku, at)
JOIN inventory.ledger ON ledger.warehouse = asked.warehouse AND ledger.sku = asked.sku AND ledger.at > asked.at
WHERE kind <> 'repair' GROUP BY 1, 2, 3, 4

-- name: of_sku
SELECT warehouse, batch, produced_on, expires_on, on_hand, held, withheld, standing, why FROM inventory.batches
WHERE sku = $1 AND (on_hand > 0 OR standing = 'recalled') ORDER BY warehouse, expires_on NULLS LAST, batch

-- name: of_number
SELECT warehouse, sku, batches.expires_on, batches.on_hand, batches.standing, batches.why,
       greatest(stock.reserved + stock.withheld - stock.on_hand, 0) AS promised_beyond
FROM inventory.batches JOIN inventory.stock USING (warehouse, sku)
WHERE batch = $1 AND ($2 = '' OR sku = $2) ORDER BY warehouse, sku

-- name: sent
SELECT sent.*, reservations.reference FROM (
    SELECT sku, order_id, -sum(quantity)::bigint AS pieces,
           array_agg(DISTINCT document_no) FILTER (WHERE kind = 'deduction') AS parcels,
           min(at) FILTER (WHERE kind = 'deduction') AS at
    FROM inventory.ledger
    WHERE batch = $1 AND ($2 = '' OR sku = $2) AND kind IN ('deduction', 'return')
    GROUP BY sku, order_id HAVING sum(quantity) < 0
) AS sent LEFT JOIN inventory.reservations ON key = order_id
ORDER BY at, order_id, sku

-- name: page
SELECT warehouse, sku, batch, produced_on, expires_on, on_hand, held, standing, why,
       EXISTS (SELECT FROM inventory.batches AS other WHERE other.sku = batches.sku AND other.batch = batches.batch
               AND other.standing = 'recalled') AS recalled
FROM inventory.batches
WHERE on_hand > 0 AND (warehouse, sku, batch) > ($1, $2, $3) ORDER BY warehouse, sku, batch LIMIT $4

-- name: promised_withheld
SELECT coalesce(sum(reserved + withheld - on_hand), 0)::bigint FROM inventory.stock
WHERE batched AND reserved + withheld > on_hand

-- name: keep_task
INSERT INTO inventory.tasks (id, kind, source, warehouse, day, reason)
VALUES ($1, 'batch', 'shelf-life', $2, $3, $4) ON CONFLICT (id) DO NOTHING RETURNING id

-- name: stock
SELECT warehouse, sku, on_hand, withheld FROM inventory.stock WHERE batched OR withheld <> 0

-- name: all
SELECT warehouse, sku, batch, on_hand, withheld FROM inventory.batches

-- name: mismatch
WITH booked AS (
    SELECT warehouse, sku, batch, sum(quantity) AS pieces, sum(withheld) AS withheld
    FROM inventory.ledger WHERE batch <> '' GROUP BY 1, 2, 3
), per_row AS (
    SELECT warehouse, sku, sum(on_hand) AS pieces, sum(withheld) AS withheld FROM inventory.batches GROUP BY 1, 2
)
SELECT (SELECT coalesce(sum(abs(coalesce(on_hand, 0) - coalesce(pieces, 0))
                          + abs(coalesce(batches.withheld, 0) - coalesce(booked.withheld, 0))), 0)
        FROM inventory.batches FULL JOIN booked USING (warehouse, sku, batch))
     + (SELECT coalesce(sum(greatest(coalesce(pieces, 0) - on_hand, 0)
                          + abs(stock.withheld - coalesce(per_row.withheld, 0))), 0)
        FROM inventory.stock LEFT JOIN per_row USING (warehouse, sku) WHERE batched OR stock.withheld <> 0)

-- name: mismatch_of
WITH asked AS (
    SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::text[]) AS asked(warehouse, sku, batch)
), booked AS (
    SELECT warehouse, sku, batch, sum(quantity) AS pieces, sum(withheld) AS withheld
    FROM asked JOIN inventory.ledger USING (warehouse, sku, batch) WHERE ledger.batch <> '' GROUP BY 1, 2, 3
)
SELECT coalesce(sum(abs(coalesce(on_hand, 0) - booked.pieces)
                  + abs(coalesce(batches.withheld, 0) - booked.withheld)), 0)::bigint
FROM booked LEFT JOIN inventory.batches USING (warehouse, sku, batch)

-- name: withheld_of_row
SELECT withheld FROM inventory.stock WHERE warehouse = $1 AND sku = $2
