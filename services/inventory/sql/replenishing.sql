-- name: due_rows
SELECT stock.sku, stock.warehouse FROM inventory.stock
LEFT JOIN inventory.replenishment USING (warehouse, sku)
WHERE planned_on IS DISTINCT FROM $1::date AND (stock.sku, stock.warehouse) > ($3, $4)
ORDER BY stock.sku, stock.warehouse LIMIT $2

-- name: rows_to_plan
-- Of one SKU, whose entries are read once for all its rows. What is withheld from sale serves nobody: it is not in what
-- lies there.
WITH moved AS MATERIALIZED (SELECT * FROM inventory.moved_of_sku($1, $3))
SELECT stock.warehouse, stock.sku, stock.on_hand - stock.withheld AS on_hand, stock.reserved, moved.days, moved.sold, moved.net,
       past.first_day AS past_from, past.pieces AS past_pieces,
       coalesce(own.supplier, every.supplier, '') AS supplier,
       CASE WHEN own.sku IS NULL THEN every.lead_time_days ELSE own.lead_time_days END AS lead_time_days,
       CASE WHEN own.sku IS NULL THEN every.lead_time_sd_days ELSE own.lead_time_sd_days END AS lead_time_sd_days,
       CASE WHEN own.sku IS NULL THEN every.review_days ELSE own.review_days END AS review_days,
       CASE WHEN own.sku IS NULL THEN every.service_level_permille ELSE own.service_level_permille END
           AS service_level_permille,
       CASE WHEN own.sku IS NULL THEN every.over_receipt_percent ELSE own.over_receipt_percent END
           AS over_receipt_percent,
       coalesce(own.order_pieces_min, every.order_pieces_min, 1) AS order_pieces_min,
       coalesce(own.pack_pieces, every.pack_pieces, 1) AS pack_pieces,
       coalesce(planned.suggested, 0) AS suggested
FROM inventory.stock
LEFT JOIN inventory.replenishment AS planned USING (warehouse, sku)
LEFT JOIN inventory.supply AS own ON own.sku = stock.sku AND own.warehouse = stock.warehouse
LEFT JOIN inventory.supply AS every ON every.sku = stock.sku AND every.warehouse = ''
LEFT JOIN inventory.sales_history AS past ON past.sku = stock.sku AND past.warehouse = stock.warehouse
LEFT JOIN moved ON moved.warehouse = stock.warehouse
WHERE stock.sku = $1 AND stock.warehouse = ANY($2::text[])
ORDER BY stock.warehouse

-- name: demand
SELECT sku, on_hand, days, sold, net, past.first_day AS past_from, past.pieces AS past_pieces
FROM inventory.stock LEFT JOIN inventory.sales_history AS past USING (warehouse, sku)
LEFT JOIN LATERAL inventory.moved_of_sku(sku, $2) AS moved ON moved.warehouse = stock.warehouse
WHERE stock.warehouse = $1 AND ($3 = '' OR sku = $3) ORDER BY sku

-- name: keep_plans
INSERT INTO inventory.replenishment
    (warehouse, sku, plan, planned_at, planned_on, safety_stock, reorder_point, suggested, version)
SELECT warehouse, sku, plan, $8, $9, safety_stock, reorder_point, suggested, told
FROM unnest($1::text[], $2::text[], $3::json[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
    AS new(warehouse, sku, plan, safety_stock, reorder_point, suggested, told)
ON CONFLICT (warehouse, sku) DO UPDATE
SET plan = excluded.plan, planned_at = excluded.planned_at, planned_on = excluded.planned_on,
    safety_stock = excluded.safety_stock, reorder_point = excluded.reorder_point, suggested = excluded.suggested,
    version = replenishment.version + excluded.version
RETURNING warehouse, sku, version

-- name: on_the_way
SELECT key, document FROM inventory.reservations WHERE state IN ('open', 'partly_received', 'in_transit')

-- name: backordered
SELECT document FROM inventory.reservations
WHERE state = 'short' AND reference IS NULL AND (document->'state'->>'paid')::boolean

-- name: suggestible
SELECT warehouse, sku, plan, planned_at, on_hand - withheld AS on_hand, reserved, below_safety
FROM inventory.replenishment JOIN inventory.stock USING (warehouse, sku)
WHERE ($1 OR on_hand - reserved - withheld <= reorder_point)
  AND ($2 = '' OR warehouse = $2) AND ($3 = '' OR sku = $3) AND ($4 = '' OR plan->'terms'->>'supplier' = $4)
ORDER BY warehouse, plan->'terms'->>'supplier', sku

-- name: cross_safety
UPDATE inventory.replenishment AS plan SET below_safety = NOT below_safety, version = version + 1
FROM inventory.stock
WHERE stock.warehouse = plan.warehouse AND stock.sku = plan.sku
  AND (on_hand - reserved - withheld < safety_stock) <> below_safety
RETURNING plan.warehouse, plan.sku, plan.version, below_safety, safety_stock, on_hand - reserved - withheld AS available

-- name: told_of
SELECT warehouse, sku, plan, planned_at, on_hand - withheld AS on_hand, reserved, below_safety, version
FROM inventory.replenishment JOIN inventory.stock USING (warehouse, sku)
WHERE suggested > 0

-- name: take_back
UPDATE inventory.replenishment SET suggested = 0, version = version + 1
WHERE warehouse = $1 AND sku = $2 RETURNING version

-- name: standing
SELECT count(*) FILTER (WHERE below_safety) AS below, count(*) FILTER (WHERE suggested > 0) AS suggested
FROM inventory.replenishment

-- name: plan_again
UPDATE inventory.replenishment SET planned_on = NULL WHERE cardinality($1::text[]) = 0 OR sku = ANY($1::text[])

-- name: plan_rows_again
UPDATE inventory.replenishment SET planned_on = NULL WHERE warehouse = $1 AND sku = ANY($2::text[])

-- name: keep_supply
INSERT INTO inventory.supply
    (sku, warehouse, supplier, lead_time_days, lead_time_sd_days, review_days, service_level_permille,
     over_receipt_percent, order_pieces_min, pack_pieces, changed_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (sku, warehouse) DO UPDATE
SET supplier = excluded.supplier, lead_time_days = excluded.lead_time_days,
    lead_time_sd_days = excluded.lead_time_sd_days, review_days = excluded.review_days,
    service_level_permille = excluded.service_level_permille, over_receipt_percent = excluded.over_receipt_percent,
    order_pieces_min = excluded.order_pieces_min, pack_pieces = excluded.pack_pieces,
    changed_by = excluded.changed_by, changed_at = clock_timestamp()

-- name: supply
SELECT sku, warehouse, supplier, lead_time_days, lead_time_sd_days, review_days, service_level_permille,
       over_receipt_percent, order_pieces_min, pack_pieces, changed_by, changed_at
FROM inventory.supply WHERE cardinality($1::text[]) = 0 OR sku = ANY($1::text[]) ORDER BY sku, warehouse LIMIT $2

-- name: keep_history
-- Of each row the days are one JSON array: arrays of unequal length do not fit into one parameter.
INSERT INTO inventory.sales_history (warehouse, sku, first_day, pieces, changed_by)
SELECT $1, sku, first_day, ARRAY(SELECT day::bigint FROM json_array_elements_text(days) WITH ORDINALITY AS one(day, number) ORDER BY number), $5
FROM unnest($2::text[], $3::date[], $4::json[]) AS new(sku, first_day, days)
ON CONFLICT (warehouse, sku) DO UPDATE
SET first_day = excluded.first_day, pieces = excluded.pieces, changed_by = excluded.changed_by,
    changed_at = excluded.changed_at
WHERE (sales_history.first_day, sales_history.pieces) IS DISTINCT FROM (excluded.first_day, excluded.pieces)
RETURNING sku

-- name: without_stock
SELECT sku FROM unnest($2::text[]) AS sku
WHERE NOT EXISTS (SELECT FROM inventory.stock WHERE stock.warehouse = $1 AND stock.sku = sku.sku) ORDER BY sku

-- name: warehouse_known
SELECT EXISTS (SELECT FROM inventory.stock WHERE warehouse = $1)

-- name: histories
SELECT warehouse, sku, first_day, first_day + cardinality(pieces) - 1 AS last_day,
       cardinality(array_remove(pieces, NULL)) AS known_days, (SELECT coalesce(sum(day), 0) FROM unnest(pieces) AS day)::bigint AS pieces,
       changed_by, changed_at
FROM inventory.sales_history
WHERE ($1 = '' OR warehouse = $1) AND (cardinality($2::text[]) = 0 OR sku = ANY($2::text[]))
ORDER BY warehouse, sku LIMIT $3

-- name: forget_history
DELETE FROM inventory.sales_history WHERE warehouse = $1 AND sku = ANY($2::text[]) RETURNING sku
