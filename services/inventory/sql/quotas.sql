-- name: read
SELECT warehouse, sku, channel, held, sent FROM inventory.channel_uses
JOIN unnest($1::text[], $2::text[]) AS wanted(warehouse, sku) USING (warehouse, sku)

-- name: begin
-- Of locked rows: nobody else changes what is held of them, nor their ledger.
WITH asked AS (
    SELECT * FROM unnest($1::text[], $2::text[]) AS asked(warehouse, sku)
), counted AS (
    INSERT INTO inventory.channel_uses (warehouse, sku, channel, held, sent)
    SELECT held_goods.warehouse, held_goods.sku, coalesce(document->'state'->>'channel', ''), sum(pieces), 0
    FROM inventory.held_goods JOIN inventory.reservations USING (key)
    JOIN asked ON asked.warehouse = held_goods.warehouse AND asked.sku = held_goods.sku
    GROUP BY 1, 2, 3
)
UPDATE inventory.stock SET counted_from = (SELECT coalesce(max(id), 0) FROM inventory.ledger)
FROM asked WHERE stock.warehouse = asked.warehouse AND stock.sku = asked.sku

-- name: write_rows
UPDATE inventory.stock
SET on_hand = new.on_hand, reserved = new.reserved, kept = new.kept, changed_at = clock_timestamp()
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
    AS new(warehouse, sku, on_hand, reserved, kept)
WHERE stock.warehouse = new.warehouse AND stock.sku = new.sku

-- name: save
INSERT INTO inventory.channel_uses (warehouse, sku, channel, held, sent)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
ON CONFLICT (sku, warehouse, channel) DO UPDATE SET held = excluded.held, sent = excluded.sent

-- name: held_now
SELECT coalesce(lines.campaign, '') AS campaign, coalesce(document->'state'->>'channel', '') AS channel,
       sum(held_goods.pieces)::bigint AS held
FROM inventory.held_goods JOIN inventory.reservations USING (key)
LEFT JOIN inventory.campaign_lines AS lines ON lines.warehouse = held_goods.warehouse AND lines.sku = held_goods.sku
  AND lines.campaign IN (SELECT json_array_elements_text(document->'state'->'campaigns'))
WHERE held_goods.warehouse = $1 AND held_goods.sku = $2 GROUP BY 1, 2

-- name: mismatch
-- Pieces between the counted uses and what holds and ledger say, by row, open campaign and channel.
WITH counted AS (
    SELECT warehouse, sku, counted_from FROM inventory.stock WHERE counted_from IS NOT NULL
), moves AS (
    SELECT goods.warehouse, goods.sku, pieces AS held, 0 AS sent, document
    FROM (SELECT key, warehouse, sku, pieces FROM inventory.held_goods JOIN counted USING (warehouse, sku)) AS goods
    JOIN (SELECT key, document FROM inventory.reservations WHERE state = 'held') AS holds USING (key)
    UNION ALL
    SELECT ledger.warehouse, ledger.sku, 0, -quantity, document
    FROM inventory.ledger JOIN counted USING (warehouse, sku) JOIN inventory.reservations ON key = order_id
    WHERE ledger.id > counted_from AND ledger.kind IN ('deduction', 'return')
), said AS (
    SELECT moves.warehouse, moves.sku, coalesce(lines.campaign, '') AS campaign,
           coalesce(document->'state'->>'channel', '') AS channel, sum(held)::bigint AS held, sum(sent)::bigint AS sent
    FROM moves LEFT JOIN inventory.campaign_lines AS lines
      ON lines.warehouse = moves.warehouse AND lines.sku = moves.sku
      AND lines.campaign IN (SELECT json_array_elements_text(document->'state'->'campaigns'))
    GROUP BY 1, 2, 3, 4
), uses AS (
    SELECT warehouse, sku, '' AS campaign, channel, held, sent FROM inventory.channel_uses
    UNION ALL
    SELECT warehouse, sku, campaign, channel, held, sent FROM inventory.campaign_uses
)
SELECT warehouse, sku, campaign, channel,
       coalesce(uses.held, 0) AS counted_held, coalesce(said.held, 0) AS held,
       coalesce(uses.sent, 0) AS counted_sent, coalesce(said.sent, 0) AS sent
FROM uses FULL JOIN said USING (warehouse, sku, campaign, channel)
WHERE coalesce(uses.held, 0) <> coalesce(said.held, 0) OR coalesce(uses.sent, 0) <> coalesce(said.sent, 0)
ORDER BY 1, 2, 3, 4

-- name: of_skus
-- Once a row and channel; a row that is not counted has neither.
SELECT warehouse, sku, on_hand - withheld AS for_sale, reserved, set_aside, counted_from IS NOT NULL AS counted,
       channel, held, sent
FROM inventory.stock LEFT JOIN inventory.channel_uses USING (warehouse, sku)
WHERE sku = ANY($1::text[])

-- name: uncounted
SELECT warehouse, sku FROM inventory.stock
WHERE counted_from IS NULL AND (warehouse, sku) > ($1, $2) ORDER BY warehouse, sku LIMIT $3

-- name: forget_rows
UPDATE inventory.stock SET kept = 0, counted_from = NULL, changed_at = clock_timestamp()
WHERE sku = $1 AND counted_from IS NOT NULL RETURNING warehouse

-- name: forget_uses
DELETE FROM inventory.channel_uses WHERE sku = $1
