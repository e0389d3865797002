-- name: campaign
SELECT document, closed_at FROM ingest.group_buys WHERE campaign_id = $1

-- name: campaign_locked
SELECT document, closed_at FROM ingest.group_buys WHERE campaign_id = $1 FOR UPDATE

-- name: campaigns
SELECT g.document, g.closed_at, count(o.order_no) AS orders, coalesce(sum(o.total_fen), 0)::bigint AS total_fen
FROM ingest.group_buys g LEFT JOIN ingest.group_buy_orders o ON o.campaign_id = g.campaign_id AND o.status <> 'withdrawn'
GROUP BY g.campaign_id ORDER BY g.opened_at DESC, g.campaign_id LIMIT $1

-- name: open_campaign
INSERT INTO ingest.group_buys (campaign_id, document, opened_by, opened_at)
VALUES ($1, $2, $3, $4) ON CONFLICT (campaign_id) DO NOTHING RETURNING campaign_id

-- name: close_campaign
UPDATE ingest.group_buys SET closed_at = $2, closed_by = $3, close_reason = $4 WHERE campaign_id = $1

-- name: next_number
UPDATE ingest.group_buys SET orders = orders + 1 WHERE campaign_id = $1 RETURNING orders

-- name: keep_picture
INSERT INTO ingest.group_buy_pictures (campaign_id, sku, media_type, body) VALUES ($1, $2, $3, $4)
ON CONFLICT (campaign_id, sku) DO UPDATE SET media_type = excluded.media_type, body = excluded.body

-- name: picture
SELECT media_type, body FROM ingest.group_buy_pictures WHERE campaign_id = $1 AND sku = $2

-- name: pictured
SELECT sku FROM ingest.group_buy_pictures WHERE campaign_id = $1

-- name: order
SELECT order_no, campaign_id, number, leader_id, round_day, accepted_at, content_key, total_fen, payload, status
FROM ingest.group_buy_orders WHERE order_no = $1

-- name: leader_orders
SELECT order_no, number, round_day, accepted_at, total_fen, status
FROM ingest.group_buy_orders WHERE campaign_id = $1 AND leader_id = $2 ORDER BY number DESC LIMIT $3

-- name: taken
SELECT l.sku, sum(l.quantity)::bigint AS all_pieces,
       coalesce(sum(l.quantity) FILTER (WHERE o.buyer_key = $2), 0)::bigint AS buyer_pieces
FROM ingest.group_buy_orders o JOIN ingest.group_buy_lines l USING (order_no)
WHERE o.campaign_id = $1 AND o.status <> 'withdrawn' AND l.sku = ANY($3::text[]) GROUP BY l.sku

-- name: is_settled
SELECT EXISTS (SELECT FROM ingest.group_buy_rounds WHERE campaign_id = $1 AND round_day = $2)
    OR EXISTS (SELECT FROM ingest.group_buy_shortages WHERE campaign_id = $1 AND round_day = $2)

-- name: keep_order
INSERT INTO ingest.group_buy_orders (order_no, campaign_id, number, leader_id, station_id, round_day,
    accepted_at, buyer_key, content_key, total_fen, payload)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: withdraw
UPDATE ingest.group_buy_orders SET status = 'withdrawn', payload = '' WHERE order_no = $1

-- name: keep_lines
INSERT INTO ingest.group_buy_lines (order_no, sku, quantity)
SELECT $1, sku, quantity FROM unnest($2::text[], $3::int[]) AS line (sku, quantity)

-- name: round_lines
SELECT o.order_no, o.number, o.station_id, o.accepted_at, l.sku, l.quantity
FROM ingest.group_buy_orders o JOIN ingest.group_buy_lines l USING (order_no)
WHERE o.campaign_id = $1 AND o.round_day = $2 AND o.status <> 'withdrawn' ORDER BY o.number, l.sku

-- name: shortages
SELECT document FROM ingest.group_buy_shortages WHERE campaign_id = $1 AND round_day = $2

-- name: keep_shortage
INSERT INTO ingest.group_buy_shortages (campaign_id, round_day, sku, document) VALUES ($1, $2, $3, $4)

-- name: round
SELECT released_by, released_at, reason FROM ingest.group_buy_rounds WHERE campaign_id = $1 AND round_day = $2

-- name: keep_round
INSERT INTO ingest.group_buy_rounds (campaign_id, round_day, released_by, released_at, reason)
VALUES ($1, $2, $3, $4, $5)

-- name: release_orders
UPDATE ingest.group_buy_orders SET status = 'released'
WHERE campaign_id = $1 AND round_day = $2 AND status = 'open'

-- name: round_orders
SELECT count(*) FROM ingest.group_buy_orders
WHERE campaign_id = $1 AND round_day = $2 AND status <> 'withdrawn'

-- name: to_tell
SELECT o.order_no, o.campaign_id, o.round_day, o.leader_id, o.payload, r.released_at
FROM ingest.group_buy_orders o JOIN ingest.group_buy_rounds r USING (campaign_id, round_day)
WHERE o.status = 'released' ORDER BY o.accepted_at LIMIT $1

-- name: told
UPDATE ingest.group_buy_orders SET status = 'told', payload = '' WHERE order_no = ANY($1::text[])

-- name: unreadable
UPDATE ingest.group_buy_orders SET status = 'unreadable' WHERE order_no = ANY($1::text[])
