-- name: set_listings
INSERT INTO ingest.listings (channel, shop, channel_sku_id, item_id, merchant_code, actor)
SELECT written.*, $6 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) AS written
ON CONFLICT (channel, shop, channel_sku_id) DO UPDATE
SET item_id = excluded.item_id, merchant_code = excluded.merchant_code, actor = excluded.actor,
    set_at = clock_timestamp(), due = listings.wanted IS NOT NULL,
    wanted_at = CASE WHEN listings.due THEN listings.wanted_at ELSE clock_timestamp() END
WHERE (listings.item_id, listings.merchant_code) <> (excluded.item_id, excluded.merchant_code)
RETURNING 1

-- name: remove_listings
DELETE FROM ingest.listings
USING unnest($1::text[], $2::text[], $3::text[]) AS gone(channel, shop, channel_sku_id)
WHERE listings.channel = gone.channel AND listings.shop = gone.shop
  AND listings.channel_sku_id = gone.channel_sku_id
RETURNING 1

-- name: listed
SELECT channel, shop, channel_sku_id, item_id, merchant_code, actor, set_at,
       wanted, wanted_at, due, told, told_at, outcome, reason, attempts
FROM ingest.listings
WHERE ($1 = '' OR channel = $1) AND ($2 = '' OR shop = $2) AND ($3 = '' OR merchant_code = $3 OR channel_sku_id = $3)
  AND ($4 = '' OR outcome = $4)
  AND (channel, shop, channel_sku_id) > ($5, $6, $7)
ORDER BY channel, shop, channel_sku_id LIMIT $8

-- name: revisions
SELECT (SELECT revision FROM ingest.catalogue) AS catalogue,
       (SELECT coalesce(max(revision), 0) FROM ingest.availability) AS availability

-- name: all_listings
SELECT channel, shop, channel_sku_id, item_id, merchant_code, wanted FROM ingest.listings

-- name: changed_numbers
SELECT document, revision FROM ingest.availability
WHERE revision > $1 ORDER BY revision LIMIT $2

-- name: want
UPDATE ingest.listings
SET wanted = number.wanted, due = true,
    wanted_at = CASE WHEN listings.due THEN listings.wanted_at ELSE number.wanted_at END
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[])
  AS number(channel, shop, channel_sku_id, wanted, wanted_at)
WHERE listings.channel = number.channel AND listings.shop = number.shop
  AND listings.channel_sku_id = number.channel_sku_id AND listings.wanted IS DISTINCT FROM number.wanted

-- name: due
SELECT channel, shop, channel_sku_id FROM ingest.listings
WHERE due AND NOT channel || '|' || shop || '|' || channel_sku_id = ANY($2::text[])
  AND (channel, shop) IN (SELECT * FROM unnest($3::text[], $4::text[]))
ORDER BY wanted_at LIMIT $1

-- name: count_due
SELECT count(*) FROM ingest.listings
WHERE due AND (channel, shop) IN (SELECT * FROM unnest($1::text[], $2::text[]))

-- name: to_tell
SELECT item_id, wanted, wanted_at, outcome, reason FROM ingest.listings
WHERE channel = $1 AND shop = $2 AND channel_sku_id = $3 AND due

-- name: told
UPDATE ingest.listings
SET told = $4, told_at = $5, outcome = $6, reason = $7, attempts = $8,
    due = wanted IS DISTINCT FROM $4,
    wanted_at = CASE WHEN wanted IS DISTINCT FROM $4 THEN $9 ELSE wanted_at END
WHERE channel = $1 AND shop = $2 AND channel_sku_id = $3
