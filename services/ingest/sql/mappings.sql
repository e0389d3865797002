-- name: lock_catalogue
SELECT revision FROM ingest.catalogue FOR UPDATE

-- name: set_revision
UPDATE ingest.catalogue SET revision = $1

-- name: changed_mappings
SELECT channel, shop, channel_sku_id, merchant_code, mapping_id, components, removed
FROM ingest.sku_mappings WHERE in_force AND revision > $1 ORDER BY mapping_id

-- name: changed_skus
SELECT sku FROM ingest.skus WHERE revision > $1

-- name: unknown_skus
SELECT asked.sku FROM unnest($1::text[]) AS asked(sku)
WHERE NOT EXISTS (SELECT FROM ingest.skus AS known WHERE known.sku = asked.sku)

-- name: learn_skus
INSERT INTO ingest.skus (sku, revision) SELECT *, $2 FROM unnest($1::text[]) ON CONFLICT DO NOTHING

-- name: own_bundles
SELECT merchant_code, components FROM ingest.sku_mappings
WHERE in_force AND NOT removed AND channel = ''

-- name: users_of
SELECT gone.sku, m.channel, m.shop, m.channel_sku_id, m.merchant_code
FROM unnest($1::text[]) AS gone(sku)
JOIN ingest.sku_mappings AS m ON m.in_force AND NOT m.removed
  AND EXISTS (SELECT FROM json_array_elements(m.components) AS part WHERE part->>'sku' = gone.sku)
LIMIT 100

-- name: in_force
SELECT m.channel, m.shop, m.channel_sku_id, m.merchant_code, m.components, m.removed
FROM ingest.sku_mappings AS m
JOIN unnest($1::text[], $2::text[], $3::text[], $4::text[])
  AS asked(channel, shop, channel_sku_id, merchant_code)
  USING (channel, shop, channel_sku_id, merchant_code)
WHERE m.in_force

-- name: supersede
UPDATE ingest.sku_mappings AS m SET in_force = false
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
  AS changed(channel, shop, channel_sku_id, merchant_code)
WHERE m.in_force AND m.channel = changed.channel AND m.shop = changed.shop
  AND m.channel_sku_id = changed.channel_sku_id AND m.merchant_code = changed.merchant_code

-- name: add_mappings
INSERT INTO ingest.sku_mappings
  (channel, shop, channel_sku_id, merchant_code, components, removed, revision, actor)
SELECT changed.*, $7, $8
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::json[], $6::boolean[]) AS changed

-- name: listed
SELECT mapping_id, channel, shop, channel_sku_id, merchant_code, components, revision, actor, set_at
FROM ingest.sku_mappings
WHERE in_force AND NOT removed
  AND ($1 = '' OR channel = $1) AND ($2 = '' OR shop = $2)
  AND ($3 = '' OR merchant_code = $3 OR channel_sku_id = $3)
  AND (channel, shop, channel_sku_id, merchant_code) > ($4, $5, $6, $7)
ORDER BY channel, shop, channel_sku_id, merchant_code LIMIT $8

-- name: waiting
SELECT channel, shop, channel_sku_id, merchant_code, min(title) AS title, min(reason) AS reason,
  count(DISTINCT order_key) AS orders, sum(quantity) AS pieces, min(since) AS since
FROM ingest.unmatched
WHERE ($1 = '' OR channel = $1) AND ($2 = '' OR shop = $2)
GROUP BY channel, shop, channel_sku_id, merchant_code
ORDER BY orders DESC, since LIMIT $3

-- name: park
INSERT INTO ingest.unmatched
  (order_key, order_id, line_no, channel, shop, channel_sku_id, merchant_code, title, quantity, reason, since)
SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[],
  $8::text[], $9::int[], $10::text[], $11::timestamptz[])

-- name: free
DELETE FROM ingest.unmatched WHERE order_key = ANY($1::text[])

-- name: state
SELECT (SELECT revision FROM ingest.catalogue) AS revision,
  count(*) AS lines, count(DISTINCT order_key) AS orders, coalesce(max(id), 0) AS newest
FROM ingest.unmatched

-- name: matchable
SELECT order_key FROM ingest.unmatched AS waits
GROUP BY order_key
HAVING bool_and(
    (merchant_code <> ''
      AND ($1 OR EXISTS (SELECT FROM ingest.skus AS known WHERE known.sku = waits.merchant_code)))
    OR EXISTS (SELECT FROM ingest.sku_mappings AS m WHERE m.in_force AND NOT m.removed
      AND (m.channel, m.shop, m.channel_sku_id, m.merchant_code) IN (
        (waits.channel, waits.shop, waits.channel_sku_id, waits.merchant_code),
        (waits.channel, waits.shop, waits.channel_sku_id, ''),
        (waits.channel, waits.shop, '', waits.merchant_code),
        ('', '', '', waits.merchant_code))))
  AND (max(asked_at) IS NULL OR max(asked_at) < clock_timestamp() - make_interval(secs => $2))
ORDER BY min(since), order_key LIMIT $3

-- name: asked
UPDATE ingest.unmatched SET asked_at = clock_timestamp() WHERE order_key = ANY($1::text[])
