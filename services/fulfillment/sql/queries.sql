-- name: due
SELECT parcel.key, parcel.document, called.order_id IS NOT NULL AS asked
FROM fulfillment.parcels AS parcel
LEFT JOIN fulfillment.waybill_calls AS called ON called.order_id = parcel.key
WHERE parcel.dispatch_due_at IS NOT NULL AND parcel.key <> ALL ($1::text[])
ORDER BY parcel.ship_by
LIMIT $2

-- name: intend
INSERT INTO fulfillment.waybill_calls (order_id)
SELECT * FROM unnest($1::text[]) ON CONFLICT DO NOTHING

-- name: wrapped_keys
SELECT order_id, wrapped_key FROM chassis.personal_keys WHERE order_id = ANY ($1::text[])

-- name: holders
SELECT waybill_no, key FROM fulfillment.parcels WHERE waybill_no = ANY ($1::text[]) AND waybill_no <> ''

-- name: parcel
SELECT document FROM fulfillment.parcels WHERE key = $1

-- name: queue
SELECT document FROM fulfillment.parcels
WHERE stage = $1 AND stage IN ('planned', 'waybill_refused', 'labelled', 'picked', 'packed')
ORDER BY ship_by
LIMIT $2

-- name: open_counts
SELECT stage, count(*) AS parcels, count(*) FILTER (WHERE ship_by < $1) AS overdue
FROM fulfillment.parcels
WHERE stage IN ('planned', 'waybill_refused', 'labelled', 'picked', 'packed')
GROUP BY stage

-- name: oldest_due
SELECT min(dispatch_due_at) FROM fulfillment.parcels WHERE dispatch_due_at IS NOT NULL

-- name: weights_revision
SELECT revision FROM fulfillment.sku_weights_revision

-- name: weights
SELECT sku, weight_g FROM fulfillment.sku_weights

-- name: keep_weights
INSERT INTO fulfillment.sku_weights AS kept (sku, weight_g)
SELECT * FROM unnest($1::text[], $2::int[])
ON CONFLICT (sku) DO UPDATE SET weight_g = excluded.weight_g WHERE kept.weight_g <> excluded.weight_g

-- name: count_weights_revision
UPDATE fulfillment.sku_weights_revision SET revision = revision + 1
