-- name: due
SELECT parcel.document, called.order_id IS NOT NULL AS asked
FROM fulfillment.every_parcel AS parcel
LEFT JOIN fulfillment.waybill_calls AS called ON called.order_id = parcel.called_as
WHERE parcel.dispatch_due_at IS NOT NULL AND parcel.parcel_id <> ALL ($1::text[])
ORDER BY parcel.ship_by
LIMIT $2

-- name: intend
INSERT INTO fulfillment.waybill_calls (order_id)
SELECT * FROM unnest($1::text[]) ON CONFLICT DO NOTHING

-- name: wrapped_keys
SELECT order_id, wrapped_key FROM chassis.personal_keys WHERE order_id = ANY ($1::text[])

-- name: holders
SELECT waybill_no, order_id FROM fulfillment.every_parcel WHERE waybill_no = ANY ($1::text[]) AND waybill_no <> ''

-- name: keep_further
INSERT INTO fulfillment.further_parcels
    (parcel_id, order_id, document, stage, warehouse, carrier, waybill_no, ship_by, held, dispatch_due_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::json[], $4::text[], $5::text[], $6::text[], $7::text[],
                     $8::timestamptz[], $9::boolean[], $10::timestamptz[])
ON CONFLICT (parcel_id) DO UPDATE
SET document = excluded.document, stage = excluded.stage, carrier = excluded.carrier, waybill_no = excluded.waybill_no, held = excluded.held,
    dispatch_due_at = excluded.dispatch_due_at

-- name: parcel
SELECT document FROM fulfillment.parcels WHERE key = $1

-- name: queue
SELECT document FROM fulfillment.every_parcel
WHERE stage = $1 AND stage IN ('planned', 'waybill_refused', 'labelled', 'picked', 'packed')
ORDER BY ship_by
LIMIT $2

-- name: open_counts
SELECT stage, count(*) AS parcels, count(*) FILTER (WHERE ship_by < $1) AS overdue
FROM fulfillment.every_parcel
WHERE stage IN ('planned', 'waybill_refused', 'labelled', 'picked', 'packed')
GROUP BY stage

-- name: oldest_due
SELECT min(dispatch_due_at) FROM fulfillment.every_parcel WHERE dispatch_due_at IS NOT NULL

-- name: weights_revision
SELECT revision FROM fulfillment.sku_weights_revision

-- name: weights
SELECT sku, weight_g FROM fulfillment.sku_weights

-- name: weight
SELECT weight_g FROM fulfillment.sku_weights WHERE sku = $1

-- name: weight_changes
SELECT weight_g, former_weight_g, changed_at, actor, reason FROM fulfillment.sku_weight_changes
WHERE sku = $1 ORDER BY id DESC LIMIT $2

-- name: keep_weights
-- What weighs otherwise than it is kept, and of each that it was changed.
WITH changed AS (
    SELECT wanted.sku, wanted.weight_g, kept.weight_g AS former_weight_g
    FROM unnest($1::text[], $2::int[]) AS wanted (sku, weight_g)
    LEFT JOIN fulfillment.sku_weights AS kept USING (sku)
    WHERE kept.weight_g IS DISTINCT FROM wanted.weight_g
), told AS (
    INSERT INTO fulfillment.sku_weight_changes (sku, weight_g, former_weight_g, changed_at, actor, reason)
    SELECT sku, weight_g, former_weight_g, $3, $4, $5 FROM changed
    RETURNING 1
), kept AS (
    INSERT INTO fulfillment.sku_weights (sku, weight_g) SELECT sku, weight_g FROM changed
    ON CONFLICT (sku) DO UPDATE SET weight_g = excluded.weight_g
)
SELECT count(*) FROM told

-- name: count_weights_revision
UPDATE fulfillment.sku_weights_revision SET revision = revision + 1
