-- name: book_at
SELECT warehouse, sku, on_hand - coalesce(since.pieces, 0) AS then, on_hand, reserved
FROM inventory.stock
LEFT JOIN (
    SELECT warehouse, sku, sum(quantity)::bigint AS pieces FROM inventory.ledger
    WHERE at > $1 AND kind <> 'repair' GROUP BY 1, 2
) AS since USING (warehouse, sku)
WHERE warehouse = ANY($2::text[])

-- name: day_before
SELECT difference_ppm FROM inventory.reconciled
JOIN inventory.reconciliations ON id = reconciliation
WHERE reconciled.source = $1 AND warehouse = $2 AND day = $3::date - 1 ORDER BY at DESC, done_at DESC LIMIT 1

-- name: oversold_that_day
SELECT DISTINCT sku FROM inventory.differences
JOIN inventory.reconciled USING (reconciliation, warehouse)
WHERE oversold AND warehouse = $1 AND day = $2

-- name: keep_reconciliation
INSERT INTO inventory.reconciliations (id, source, at, listed_only, sheet_sha256, actor)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING id

-- name: keep_reconciled
INSERT INTO inventory.reconciled VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

-- name: keep_task
INSERT INTO inventory.tasks (id, kind, source, warehouse, day, reconciliation, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (id) DO UPDATE SET reconciliation = excluded.reconciliation, reason = excluded.reason,
    closed_at = NULL, closed_by = '', closed_why = '', told = false

-- name: supersede_tasks
UPDATE inventory.tasks SET closed_at = clock_timestamp(), closed_by = $4, closed_why = 'reconciled again: ' || $3,
    told = false
WHERE kind = 'difference' AND source = $1 AND warehouse = $2 AND reconciliation <> $3 AND closed_at IS NULL

-- name: supersede_differences
UPDATE inventory.differences SET superseded_by = $3, told = false
FROM inventory.reconciliations
WHERE id = reconciliation AND source = $1 AND warehouse = $2 AND reconciliation <> $3 AND at <= $4
  AND closed_at IS NULL AND superseded_by = ''

-- name: reconciliation
SELECT id, source, at, listed_only, actor, done_at FROM inventory.reconciliations WHERE id = $1

-- name: reconciled
SELECT warehouse, rows, book_pieces, differing_rows, difference_pieces, difference_ppm, rule,
       coalesce((SELECT array_agg(kind ORDER BY kind) FROM inventory.tasks
                 WHERE tasks.reconciliation = $1 AND tasks.warehouse = reconciled.warehouse), '{}') AS tasks
FROM inventory.reconciled WHERE reconciliation = $1 ORDER BY warehouse

-- name: differences
SELECT warehouse, sku, book, outside, outside - book AS difference, hint, oversold, documents, closed_by, closed_at
FROM inventory.differences WHERE reconciliation = $1 ORDER BY warehouse, sku

-- name: lock_open_differences
SELECT warehouse, sku, outside - book AS difference FROM inventory.differences
WHERE reconciliation = $1 AND closed_at IS NULL ORDER BY warehouse, sku FOR UPDATE

-- name: booked_since
SELECT warehouse, sku, sum(quantity)::bigint AS pieces, array_agg(DISTINCT document_no) AS documents
FROM inventory.ledger
WHERE document_no = ANY($1::text[]) AND at > $2 AND kind <> 'repair' GROUP BY 1, 2

-- name: close_difference
UPDATE inventory.differences SET documents = $4, closed_by = $5, closed_at = clock_timestamp(), told = false
WHERE reconciliation = $1 AND warehouse = $2 AND sku = $3

-- name: close_finished_tasks
UPDATE inventory.tasks SET closed_at = clock_timestamp(), closed_by = $2, closed_why = 'all differences closed',
    told = false
WHERE kind = 'difference' AND reconciliation = $1 AND closed_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM inventory.differences
    WHERE differences.reconciliation = $1 AND differences.warehouse = tasks.warehouse AND differences.closed_at IS NULL
)

-- name: tasks
SELECT id, kind, source, warehouse, day, reconciliation, reason, opened_at, closed_at, closed_by, closed_why
FROM inventory.tasks WHERE $1 OR closed_at IS NULL ORDER BY opened_at, id LIMIT $2

-- name: lock_task
SELECT id, kind, warehouse, opened_at, closed_at FROM inventory.tasks WHERE id = $1 FOR UPDATE

-- name: close_task
UPDATE inventory.tasks SET closed_at = clock_timestamp(), closed_by = $2, closed_why = $3, told = false WHERE id = $1

-- name: tell_reconciled
UPDATE inventory.reconciled SET told = true
FROM inventory.reconciliations
WHERE id = reconciliation AND (reconciliation, warehouse) IN (
    SELECT reconciliation, warehouse FROM inventory.reconciled WHERE NOT told LIMIT $1 FOR UPDATE
)
RETURNING reconciliation, reconciled.source, warehouse, at, listed_only, rows, book_pieces, differing_rows,
          difference_pieces, difference_ppm, rule, actor

-- name: tell_differences
UPDATE inventory.differences SET told = true
FROM inventory.reconciliations
WHERE id = reconciliation AND (reconciliation, warehouse, sku) IN (
    SELECT reconciliation, warehouse, sku FROM inventory.differences WHERE NOT told LIMIT $1 FOR UPDATE
)
RETURNING reconciliation, source, warehouse, sku, at, book, outside, hint, oversold, documents, closed_at, closed_by,
          superseded_by

-- name: tell_tasks
UPDATE inventory.tasks SET told = true
WHERE id IN (SELECT id FROM inventory.tasks WHERE NOT told LIMIT $1 FOR UPDATE)
RETURNING id AS task_id, kind, source, warehouse, day::text, reconciliation, reason, opened_at, closed_at, closed_by,
          closed_why
