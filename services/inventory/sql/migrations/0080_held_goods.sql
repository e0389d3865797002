-- What is held by row of stock. A hold without a warehouse is held by several, each with its part.
CREATE VIEW inventory.held_goods AS
SELECT key, warehouse, good->>0 AS sku, (good->>1)::bigint AS pieces
FROM inventory.reservations, json_array_elements(document->'state'->'held') AS good
WHERE state = 'held' AND warehouse <> ''
UNION ALL
SELECT key, part->>'warehouse', good->>0, (good->>1)::bigint
FROM inventory.reservations, json_array_elements(document->'state'->'parts') AS part,
     json_array_elements(part->'held') AS good
WHERE state = 'held' AND warehouse = '';
