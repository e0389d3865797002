-- name: keep
INSERT INTO ingest.returns (key, channel, shop, return_no, sale_key, lines, refund_id)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::json[], $7::text[])
ON CONFLICT (key) DO NOTHING

-- name: waiting
SELECT count(*) FROM ingest.returns WHERE NOT requested

-- name: due
-- Those whose sale is known, who were looked at longest ago first.
SELECT r.key, r.channel, r.shop, r.return_no, r.lines, r.refund_id, o.order_id
FROM ingest.returns r JOIN ingest.orders o ON o.key = r.sale_key
WHERE NOT r.requested AND o.order_id IS NOT NULL
ORDER BY r.looked_at NULLS FIRST, r.seen_at LIMIT $1

-- name: looked
UPDATE ingest.returns SET looked_at = now(), requested = requested OR key = ANY ($2::text[])
WHERE key = ANY ($1::text[])
