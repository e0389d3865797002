-- name: told_to
SELECT rules, changed_at, began_at, looked_at, clock_timestamp() AS now FROM inventory.availability_told_to

-- name: changed_skus
SELECT sku, changed_at FROM (
    SELECT sku, changed_at FROM inventory.stock WHERE changed_at > $1
    UNION ALL
    SELECT sku, changed_at FROM inventory.safety_stocks WHERE changed_at > $1
) AS changed ORDER BY changed_at LIMIT $2

-- name: levels_of
-- What is withheld from sale or came for promised orders is offered to nobody.
SELECT warehouse, sku, on_hand - withheld - set_aside AS on_hand, reserved, coalesce(pieces, 0) AS safety,
       greatest(stock.changed_at, safety_stocks.changed_at) AS changed_at
FROM inventory.stock LEFT JOIN inventory.safety_stocks USING (warehouse, sku)
WHERE sku = ANY($1::text[])

-- name: offered_of
SELECT sku, offers FROM inventory.channel_availability WHERE sku = ANY($1::text[])

-- name: keep_offered
INSERT INTO inventory.channel_availability (sku, for_sale, offers, stock_changed_at, told_at)
SELECT offer.*, $5 FROM unnest($1::text[], $2::bigint[], $3::json[], $4::timestamptz[]) AS offer
ON CONFLICT (sku) DO UPDATE
SET for_sale = excluded.for_sale, offers = excluded.offers,
    stock_changed_at = excluded.stock_changed_at, told_at = excluded.told_at

-- name: keep_told_to
UPDATE inventory.availability_told_to SET rules = $1, changed_at = $2, began_at = $3, looked_at = clock_timestamp()

-- name: offers
SELECT sku, for_sale, offers, stock_changed_at, told_at FROM inventory.channel_availability
WHERE sku = ANY($1::text[]) ORDER BY sku

-- name: safety_of
SELECT warehouse, sku, pieces, actor, changed_at FROM inventory.safety_stocks
WHERE sku = ANY($1::text[]) ORDER BY sku, warehouse

-- name: unknown_rows
SELECT asked.warehouse, asked.sku
FROM unnest($1::text[], $2::text[]) AS asked(warehouse, sku)
WHERE NOT EXISTS (SELECT FROM inventory.stock
                  WHERE stock.warehouse = asked.warehouse AND stock.sku = asked.sku)
ORDER BY 1, 2

-- name: set_safety
INSERT INTO inventory.safety_stocks (warehouse, sku, pieces, actor)
SELECT asked.*, $4 FROM unnest($1::text[], $2::text[], $3::bigint[]) AS asked
ON CONFLICT (sku, warehouse) DO UPDATE
SET pieces = excluded.pieces, actor = excluded.actor, changed_at = clock_timestamp()
WHERE safety_stocks.pieces <> excluded.pieces
RETURNING warehouse, sku
