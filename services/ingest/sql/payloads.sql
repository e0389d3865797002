-- name: state
SELECT copied_until, bytes FROM ingest.payload_archive

-- name: first_arrival
SELECT min(taken_at) FROM ingest.evidence WHERE taken_at >= $1 AND taken_at < $2

-- name: arrivals
-- One a content that is not kept yet; none of a person who was erased, nor of what did not open.
SELECT DISTINCT ON (e.source_key, e.sha256) e.source_key, e.sha256, e.position, e.taken_at
FROM ingest.evidence e LEFT JOIN ingest.orders o ON o.key = e.source_key
LEFT JOIN chassis.personal_keys k ON k.order_id = o.order_id
WHERE e.taken_at >= $1 AND e.taken_at < $2 AND e.sha256 <> ''
  AND (o.order_id IS NULL OR k.order_id IS NOT NULL)
  AND NOT EXISTS (SELECT FROM ingest.payloads p WHERE p.source_key = e.source_key AND p.sha256 = e.sha256)
ORDER BY e.source_key, e.sha256, e.taken_at

-- name: keep
INSERT INTO ingest.payloads
    (source_key, sha256, position, channel, shop, channel_order_no, door, accepted_at, kept_at, body)
SELECT * FROM unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                     $8::timestamptz[], $9::timestamptz[], $10::bytea[])
ON CONFLICT DO NOTHING

-- name: copied
UPDATE ingest.payload_archive SET copied_until = $1

-- name: forget_old
WITH gone AS (
    DELETE FROM ingest.payloads WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM ingest.payloads WHERE kept_at < $1 ORDER BY kept_at LIMIT $2)) RETURNING 1
) SELECT count(*) FROM gone

-- name: forget_oldest
WITH gone AS (
    DELETE FROM ingest.payloads WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM ingest.payloads ORDER BY kept_at LIMIT $1)) RETURNING 1
) SELECT count(*) FROM gone

-- name: of_order
SELECT sha256, channel, shop, channel_order_no, body FROM ingest.payloads
WHERE source_key = $1 AND sha256 = ANY ($2::bytea[])
