-- name: untold
-- Handed over, and approved since, on one of these channels; what is over by now has been told as ended.
SELECT a.channel, a.shop, a.refund_no, a.refund_id, o.order_id
FROM ingest.aftersales AS a
JOIN ingest.orders AS o ON o.key = a.channel || '|' || a.shop || '|' || a.channel_order_no
WHERE a.requested AND NOT a.agreed_told AND a.document ->> 'state' = 'returning' AND a.channel = ANY($1::text[])
  AND o.order_id IS NOT NULL
ORDER BY a.seen_at
LIMIT $2

-- name: told
UPDATE ingest.aftersales SET agreed_told = true
WHERE channel = $1 AND shop = $2 AND refund_no = $3 AND refund_id = $4
