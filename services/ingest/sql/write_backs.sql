-- name: due
-- The oldest of each channel ($1: abbreviations, which its orders' ids begin with), at most $2 of each, without
-- those in hand ($3) and those of shops with enough in hand ($4: `channel/shop`). In one order over all channels the last in
-- the alphabet would wait until the first have nothing left.
SELECT found.*
FROM unnest($1::text[]) AS of_one(abbreviation)
CROSS JOIN LATERAL (
    SELECT w.key, w.document, o.*
    FROM ingest.write_backs AS w
    CROSS JOIN LATERAL (
        SELECT channel, shop, channel_order_no,
               document->'state'->'lines' AS lines,
               document->'state'->'mapped' AS mapped,
               document->'state'->'imported' AS imported,
               document->'state'->>'hold' AS hold
        FROM ingest.orders
        -- Of an order which only an import told, the channel's own line ids are not known yet.
        WHERE order_id = w.key AND modified_at IS NOT NULL
          AND channel || '/' || shop <> ALL ($4::text[])
        -- Keeps this a look by key: merged, the tables would be read from their beginning.
        LIMIT 1
    ) AS o
    WHERE w.due
      AND w.key BETWEEN abbreviation || '0' AND abbreviation || '99999999999999999999'
      AND w.key <> ALL ($3::text[])
    ORDER BY w.key
    LIMIT $2
) AS found
