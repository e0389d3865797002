-- name: due
SELECT key FROM inventory.reservations
WHERE state = 'held' AND reference IS NOT NULL AND expires_at <= $1 ORDER BY expires_at LIMIT $2

-- name: by_id
SELECT key, document FROM inventory.reservations WHERE key = $1 AND reference IS NOT NULL

-- name: by_reference
SELECT key, document FROM inventory.reservations WHERE reference = $1 ORDER BY key LIMIT $2

-- name: known
-- What was ever ordered is known too: it may be promised before the first piece has come.
SELECT 'sku' AS what, sku AS code FROM unnest($1::text[]) AS sku
WHERE EXISTS (SELECT FROM inventory.stock WHERE stock.sku = sku.sku)
   OR EXISTS (SELECT FROM inventory.expected WHERE expected.sku = sku.sku)
UNION ALL
SELECT 'warehouse', warehouse FROM unnest($2::text[]) AS warehouse
WHERE EXISTS (SELECT FROM inventory.stock WHERE stock.warehouse = warehouse.warehouse)

-- name: availability_in
SELECT warehouse, sku, on_hand, reserved, on_hand - reserved - withheld - set_aside AS available, kept
FROM inventory.stock
WHERE sku = ANY($1::text[]) AND ($2::text[] = '{}' OR warehouse = ANY($2::text[])) ORDER BY sku, warehouse

-- name: holds_of
SELECT key, reference, held_goods.warehouse, pieces, expires_at, count(*) OVER () AS holds,
       document->'state'->>'channel' AS channel
FROM inventory.held_goods JOIN inventory.reservations USING (key)
WHERE sku = $1 ORDER BY expires_at NULLS LAST, key, held_goods.warehouse LIMIT $2
