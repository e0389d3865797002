-- name: concerned
-- In their order after $1, up to $2: what is to come, promised or set aside of them, or was when it was told last.
SELECT sku FROM (
    SELECT sku FROM inventory.expected WHERE outstanding > 0 OR promised > 0
    UNION SELECT sku FROM inventory.campaign_lines
    UNION SELECT sku FROM inventory.outlook_told
) AS concerned WHERE sku > $1 ORDER BY sku LIMIT $2

-- name: due
-- Between which times orders were promised what they wait for, by line.
SELECT sku, warehouse, purchase_no, min(promised_for) AS first_due_at, max(promised_for) AS last_due_at
FROM inventory.promised_goods WHERE sku = ANY($1::text[]) GROUP BY 1, 2, 3

-- name: told
SELECT sku, outlook FROM inventory.outlook_told WHERE sku = ANY($1::text[])

-- name: keep_told
INSERT INTO inventory.outlook_told (sku, outlook) SELECT * FROM unnest($1::text[], $2::text[])
ON CONFLICT (sku) DO UPDATE SET outlook = excluded.outlook

-- name: forget_told
DELETE FROM inventory.outlook_told WHERE sku = ANY($1::text[])
