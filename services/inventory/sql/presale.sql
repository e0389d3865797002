-- name: lock
-- By key, all of some purchase orders, what is to come of some SKUs, and everything of others.
SELECT sku, warehouse, purchase_no, outstanding, promised, came, uncarried, percent, expected_at FROM inventory.expected
WHERE (sku, warehouse, purchase_no) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))
   OR (purchase_no <> '' AND purchase_no = ANY($4::text[]))
   OR (sku = ANY($5::text[]) AND outstanding > 0)
   OR sku = ANY($6::text[])
ORDER BY sku, warehouse, purchase_no FOR UPDATE

-- name: add
INSERT INTO inventory.expected (sku, warehouse, purchase_no)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING

-- name: change
-- By differences: what another has written meanwhile is added to, and the CHECKs hold against the sum.
UPDATE inventory.expected
SET outstanding = expected.outstanding + new.outstanding, promised = expected.promised + new.promised,
    came = expected.came + new.came, uncarried = expected.uncarried + new.uncarried,
    percent = greatest(expected.percent, new.percent), expected_at = new.expected_at
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::int[],
            $9::timestamptz[])
    AS new(sku, warehouse, purchase_no, outstanding, promised, came, uncarried, percent, expected_at)
WHERE expected.sku = new.sku AND expected.warehouse = new.warehouse AND expected.purchase_no = new.purchase_no

-- name: set_aside
UPDATE inventory.stock SET set_aside = new.pieces, changed_at = clock_timestamp()
FROM unnest($1::text[], $2::text[], $3::bigint[]) AS new(warehouse, sku, pieces)
WHERE stock.warehouse = new.warehouse AND stock.sku = new.sku

-- name: came
SELECT sku, warehouse, purchase_no, came FROM inventory.expected WHERE sku = ANY($1::text[]) AND came > 0

-- name: mismatch
-- Lines whose promised pieces are not their live promises or whose outstanding ones are not their purchase order's, and rows
-- of stock that do not set aside what came for them. Of some SKUs, or of all where $1 is null.
WITH live AS (
    SELECT sku, warehouse, purchase_no, sum(pieces) AS pieces FROM inventory.promised_goods
    WHERE $1::text[] IS NULL OR sku = ANY($1) GROUP BY 1, 2, 3
), ordered AS (
    SELECT good->>0 AS sku, warehouse, key AS purchase_no, (good->>1)::bigint AS pieces,
           (document->'state'->>'expected_at')::timestamptz AS ordered_for
    FROM inventory.reservations, json_array_elements(document->'state'->'outstanding') AS good
    WHERE state IN ('open', 'partly_received') AND document->'state'->>'kind' = 'purchase'
      AND ($1::text[] IS NULL OR good->>0 = ANY($1))
), lines AS (
    SELECT sku, warehouse, purchase_no, coalesce(expected.promised, 0) AS promised, coalesce(live.pieces, 0)::bigint AS live,
           coalesce(expected.outstanding, 0) AS outstanding, coalesce(ordered.pieces, 0)::bigint AS ordered, ordered_for
    FROM (SELECT * FROM inventory.expected WHERE $1::text[] IS NULL OR sku = ANY($1)) AS expected
    FULL JOIN live USING (sku, warehouse, purchase_no) FULL JOIN ordered USING (sku, warehouse, purchase_no)
), aside AS (
    SELECT sku, warehouse, coalesce(set_aside, 0) AS set_aside, coalesce(came, 0)::bigint AS came
    FROM (SELECT * FROM inventory.stock WHERE $1::text[] IS NULL OR sku = ANY($1)) AS stock
    FULL JOIN (
        SELECT sku, warehouse, sum(came) AS came FROM inventory.expected
        WHERE $1::text[] IS NULL OR sku = ANY($1) GROUP BY 1, 2
    ) AS there USING (sku, warehouse)
)
SELECT sku, warehouse, purchase_no, promised, live, outstanding, ordered, 0::bigint AS set_aside, 0::bigint AS came,
       ordered_for AS expected_at
FROM lines WHERE promised <> live OR outstanding <> ordered
UNION ALL
SELECT sku, warehouse, '', 0, 0, 0, 0, set_aside, came, NULL FROM aside WHERE set_aside <> came
ORDER BY 1, 2, 3

-- name: first_beyond
-- The first order of a line whose promises come to more than so many pieces.
SELECT key FROM (
    SELECT goods.key, document->'state'->>'promised_at' AS promised_at,
           sum(pieces) OVER (ORDER BY document->'state'->>'promised_at', goods.key) AS so_far
    FROM inventory.promised_goods AS goods JOIN inventory.reservations USING (key)
    WHERE sku = $1 AND goods.warehouse = $2 AND purchase_no = $3
) AS promises WHERE so_far > $4 ORDER BY promised_at, key LIMIT 1

-- name: to_review
-- Orders whose receipts have another date, and of those that wait for what a line carries no more the newest promises, as
-- many as come to what it does not carry.
WITH promises AS (
    SELECT key, sku, warehouse, purchase_no, sum(pieces) AS pieces, max(goods.expected_at) AS was_expected_at
    FROM inventory.promised_goods AS goods GROUP BY 1, 2, 3, 4
), newest_first AS (
    SELECT promises.key, uncarried, pieces, sum(pieces) OVER (
        PARTITION BY promises.sku, promises.warehouse, promises.purchase_no ORDER BY document->'state'->>'promised_at' DESC, promises.key DESC) AS so_far
    FROM promises JOIN inventory.expected USING (sku, warehouse, purchase_no)
    JOIN inventory.reservations USING (key) WHERE uncarried > 0
), wanted AS (
    SELECT key, 'uncarried ' || uncarried AS basis FROM newest_first WHERE so_far - pieces < uncarried
    UNION ALL
    SELECT key, purchase_no || ' ' || expected_at
    FROM promises JOIN inventory.expected USING (sku, warehouse, purchase_no)
    WHERE outstanding > 0 AND expected_at IS DISTINCT FROM was_expected_at
)
SELECT key, (document->'state'->>'promise_no')::int AS promise_no, string_agg(basis, ' ' ORDER BY basis) AS basis
FROM wanted JOIN inventory.reservations USING (key)
GROUP BY key, document->'state'->>'promise_no', document->'state'->>'promised_at'
ORDER BY document->'state'->>'promised_at', key LIMIT $1

-- name: free
-- SKUs of which anything that is to come may be promised, and nobody waits for what is not carried any more: he is first.
SELECT sku FROM inventory.expected GROUP BY sku
HAVING bool_or(outstanding > promised - came AND expected_at > $1) AND NOT bool_or(uncarried > 0)

-- name: promisable
-- Paid orders that were promised nothing and want any of these SKUs ($1), each of whose SKUs lies there or is to come after $2
-- somewhere in the pieces it wants; whether in one warehouse, and by the tables, is decided later. From ($3, $4) on, as
-- `servable_backorders`.
WITH waiting AS (
    SELECT key, document FROM inventory.reservations
    WHERE state = 'short' AND reference IS NULL AND promised_for IS NULL AND (document->'state'->>'paid')::boolean
), wishes AS (
    SELECT key, line->>1 AS sku, sum((line->>2)::bigint) AS pieces
    FROM waiting, json_array_elements(document->'state'->'lines') AS line GROUP BY 1, 2
), coming AS (
    SELECT sku, warehouse, sum(greatest(outstanding - promised + came, 0)) AS pieces FROM inventory.expected
    WHERE sku = ANY($1::text[]) AND expected_at > $2 GROUP BY 1, 2
), most AS (
    SELECT sku, max(greatest(coalesce(on_hand - reserved - withheld - set_aside, 0), 0) + coalesce(pieces, 0)) AS pieces
    FROM (SELECT * FROM inventory.stock WHERE sku IN (SELECT sku FROM wishes)) AS there
    FULL JOIN coming USING (sku, warehouse) GROUP BY sku
), lacking AS (
    SELECT wishes.key FROM wishes LEFT JOIN most USING (sku) WHERE coalesce(most.pieces, 0) < wishes.pieces
)
SELECT key, document, coalesce(document->'state'->>'short_since', '') AS since FROM waiting
WHERE key IN (SELECT key FROM wishes WHERE sku = ANY($1::text[])) AND key NOT IN (SELECT key FROM lacking)
  AND (coalesce(document->'state'->>'short_since', ''), key) > ($3, $4)
ORDER BY since, key LIMIT $5

-- name: count_promises
SELECT count(*) AS promised, count(*) FILTER (WHERE promised_for < $1) AS late
FROM inventory.reservations WHERE promised_for IS NOT NULL

-- name: promised_orders
SELECT key AS order_id, sku, warehouse, purchase_no, pieces, expected_at, promised_for FROM inventory.promised_goods
WHERE ($1 = '' OR sku = $1) AND ($2::timestamptz IS NULL OR promised_for < $2)
ORDER BY promised_for, key, sku, purchase_no LIMIT $3

-- name: expected_of
SELECT sku, warehouse, purchase_no, outstanding, promised, came, uncarried, percent, expected_at FROM inventory.expected
WHERE sku = ANY($1::text[]) AND (outstanding > 0 OR promised > 0)
ORDER BY sku, expected_at NULLS LAST, warehouse, purchase_no
