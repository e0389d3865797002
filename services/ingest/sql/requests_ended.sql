-- name: keep_refunded
-- Money was given back for a request that was never seen open: nothing is to be asked for any more.
INSERT INTO ingest.aftersales (channel, shop, refund_no, channel_order_no, document, refund_id, requested)
VALUES ($1, $2, $3, $4, $5, $6, true)
ON CONFLICT DO NOTHING

-- name: keep
-- The refund it is of is the one that was open no later than that; a request that is seen open after its end (a replica
-- may be slow) has it told then.
INSERT INTO ingest.requests_ended AS kept
    (channel, shop, refund_no, ended_at, channel_order_no, state, document, refund_id)
SELECT $1, $2, $3, $4, $5, $6, $7, (
    SELECT a.refund_id FROM ingest.aftersales AS a
    WHERE a.channel = $1 AND a.shop = $2 AND a.refund_no = $3
      AND ($4 = 'epoch'::timestamptz OR $4 >= coalesce((a.document ->> 'modified_at')::timestamptz, 'epoch'))
)
ON CONFLICT (channel, shop, refund_no, ended_at) DO UPDATE SET refund_id = excluded.refund_id, told = false
WHERE kept.refund_id IS NULL AND excluded.refund_id IS NOT NULL

-- name: untold
SELECT e.*, o.order_id, o.document AS known, coalesce(w.parcels_untaken, false) AS awaited, coalesce(a.doubt, '') AS doubt
FROM ingest.requests_ended AS e
JOIN ingest.orders AS o ON o.key = e.channel || '|' || e.shop || '|' || e.channel_order_no
LEFT JOIN ingest.aftersales AS a
    ON a.channel = e.channel AND a.shop = e.shop AND a.refund_no = e.refund_no AND a.refund_id = e.refund_id
LEFT JOIN ingest.write_backs AS w ON w.key = o.order_id
WHERE NOT e.told AND o.order_id IS NOT NULL
ORDER BY e.seen_at
LIMIT $1

-- name: told
UPDATE ingest.requests_ended SET told = true
WHERE channel = $1 AND shop = $2 AND refund_no = $3 AND ended_at = $4

-- name: put_off
UPDATE ingest.requests_ended SET seen_at = now()
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

-- name: not_over
-- Requests of a shop first seen between $3 and $4 that were handed over and not seen ended since they were last seen open, of
-- whatever order; at most $5.
SELECT a.refund_no
FROM ingest.aftersales AS a
WHERE a.channel = $1 AND a.shop = $2 AND a.requested AND a.seen_at BETWEEN $3 AND $4
  AND NOT EXISTS (
      SELECT FROM ingest.requests_ended AS e
      WHERE e.channel = a.channel AND e.shop = a.shop AND e.refund_no = a.refund_no
        AND e.ended_at >= coalesce((a.document ->> 'modified_at')::timestamptz, 'epoch')
  )
ORDER BY a.seen_at DESC
LIMIT $5
