-- name: keep
INSERT INTO ingest.requests_ended (channel, shop, refund_no, ended_at, channel_order_no, state)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING

-- name: untold
SELECT e.*, o.order_id, coalesce(w.parcels_untaken, false) AS awaited, a.refund_id
FROM ingest.requests_ended AS e
JOIN ingest.orders AS o ON o.key = e.channel || '|' || e.shop || '|' || e.channel_order_no
LEFT JOIN ingest.aftersales AS a ON a.channel = e.channel AND a.shop = e.shop AND a.refund_no = e.refund_no
LEFT JOIN ingest.write_backs AS w ON w.key = o.order_id
WHERE NOT e.told AND o.order_id IS NOT NULL
ORDER BY e.seen_at
LIMIT $1

-- name: told
UPDATE ingest.requests_ended SET told = true
WHERE channel = $1 AND shop = $2 AND refund_no = $3 AND ended_at = $4

-- name: awaited
-- Requests of a shop ($1, $2; $3: what its channel's order ids begin with) first seen between $4 and $5 that were not seen
-- ended since they were last seen open, of orders with a parcel that the channel has not taken; at most $6.
SELECT a.refund_no
FROM ingest.write_backs AS w
JOIN ingest.orders AS o ON o.order_id = w.key
JOIN ingest.aftersales AS a USING (channel, shop, channel_order_no)
WHERE w.parcels_untaken AND w.key BETWEEN $3 || '0' AND $3 || '99999999999999999999'
  AND channel = $1 AND shop = $2 AND a.seen_at BETWEEN $4 AND $5
  AND NOT EXISTS (
      SELECT FROM ingest.requests_ended AS e
      WHERE e.channel = a.channel AND e.shop = a.shop AND e.refund_no = a.refund_no
        AND e.ended_at >= coalesce((a.document ->> 'modified_at')::timestamptz, 'epoch')
  )
ORDER BY a.seen_at
LIMIT $6
