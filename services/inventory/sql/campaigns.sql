-- name: of_rows
-- Once a line and channel that has had any of it.
SELECT warehouse, sku, campaign, pieces, channels, begins_at, ends_at, running, exclusive, channel, held, sent
FROM inventory.campaign_lines JOIN unnest($1::text[], $2::text[]) AS wanted(warehouse, sku) USING (warehouse, sku)
LEFT JOIN inventory.campaign_uses USING (warehouse, sku, campaign)

-- name: of_skus
SELECT warehouse, sku, campaign, pieces, channels, begins_at, ends_at, running, exclusive, channel, held, sent
FROM inventory.campaign_lines LEFT JOIN inventory.campaign_uses USING (warehouse, sku, campaign)
WHERE sku = ANY($1::text[])

-- name: keep_line
INSERT INTO inventory.campaign_lines
    (warehouse, sku, campaign, pieces, channels, begins_at, ends_at, running, exclusive)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (sku, warehouse, campaign) DO UPDATE SET pieces = excluded.pieces, running = excluded.running

-- name: keep_uses
INSERT INTO inventory.campaign_uses (warehouse, sku, campaign, channel, held, sent)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
ON CONFLICT (sku, warehouse, campaign, channel) DO UPDATE SET held = excluded.held, sent = excluded.sent

-- name: end_lines
-- What was drawn on them is counted with the channels by now.
DELETE FROM inventory.campaign_lines USING unnest($1::text[], $2::text[], $3::text[]) AS ended(warehouse, sku, campaign)
WHERE campaign_lines.warehouse = ended.warehouse AND campaign_lines.sku = ended.sku
  AND campaign_lines.campaign = ended.campaign

-- name: skus
SELECT DISTINCT sku FROM inventory.campaign_lines

-- name: among
SELECT DISTINCT sku FROM inventory.campaign_lines WHERE sku = ANY($1::text[])

-- name: drawn_of
-- What is set aside of a SKU, what its channels hold of it and have sent.
SELECT warehouse, campaign, pieces, channels, begins_at, ends_at, running,
       coalesce(sum(held), 0)::bigint AS held, coalesce(sum(sent), 0)::bigint AS sent
FROM inventory.campaign_lines LEFT JOIN inventory.campaign_uses USING (warehouse, sku, campaign)
WHERE sku = $1 GROUP BY warehouse, campaign, pieces, channels, begins_at, ends_at, running ORDER BY 1, 2

-- name: open_of
SELECT DISTINCT campaign FROM inventory.campaign_lines WHERE sku = $1 ORDER BY campaign

-- name: due
-- Those that are to begin or to end, and which of the two.
SELECT key, (document->'state'->>'ends_at')::timestamptz <= $1 AS is_over FROM inventory.reservations
WHERE state IN ('set_aside', 'running')
  AND ((document->'state'->>'ends_at')::timestamptz <= $1
       OR (state = 'set_aside' AND (document->'state'->>'begins_at')::timestamptz <= $1))
ORDER BY key LIMIT $2

-- name: documents
-- Those that are open first, then those that ended last.
SELECT key, document FROM inventory.reservations WHERE state IN ('set_aside', 'running', 'ended')
ORDER BY state = 'ended', document->'state'->>'ended_at' DESC, document->'state'->>'begins_at', key LIMIT $1

-- name: document
SELECT key, document FROM inventory.reservations
WHERE key = $1 AND state IN ('set_aside', 'running', 'ended')

-- name: mismatch
-- Pieces between what documents say is set aside and what rows have, and by which a row keeps too little for its campaigns.
-- Where less is free than is set aside it is shared in proportion, rounded down: one piece a campaign may be nobody's.
WITH papers AS (
    SELECT key AS campaign, line->>'warehouse' AS warehouse, line->>'sku' AS sku, (line->>'pieces')::bigint AS pieces
    FROM inventory.reservations, json_array_elements(document->'state'->'lines') AS line
    WHERE state IN ('set_aside', 'running')
), lines AS (
    SELECT warehouse, sku, campaign, coalesce(papers.pieces, 0) AS said, coalesce(lines.pieces, 0) AS pieces
    FROM papers FULL JOIN inventory.campaign_lines AS lines USING (warehouse, sku, campaign)
), unsold AS (
    SELECT warehouse, sku, campaign, lines.said, lines.pieces,
           greatest(lines.pieces - coalesce(sum(held + sent), 0), 0) AS unsold
    FROM lines LEFT JOIN inventory.campaign_uses USING (warehouse, sku, campaign) GROUP BY 1, 2, 3, 4, 5
), set_aside AS (
    SELECT warehouse, sku, sum(abs(said - pieces)) AS differing, sum(unsold) AS unsold, count(*) AS campaigns
    FROM unsold GROUP BY 1, 2
), free AS (
    SELECT warehouse, sku, differing, unsold, campaigns, coalesce(kept, 0) AS kept,
           coalesce(greatest(on_hand - reserved - withheld - set_aside, 0), 0) AS free
    FROM set_aside LEFT JOIN inventory.stock USING (warehouse, sku)
)
SELECT warehouse, sku, differing::bigint,
       greatest(least(unsold, free) - CASE WHEN unsold > free THEN campaigns - 1 ELSE 0 END - kept, 0)::bigint AS lacking
FROM free
WHERE differing > 0 OR least(unsold, free) - CASE WHEN unsold > free THEN campaigns - 1 ELSE 0 END > kept
ORDER BY 1, 2
