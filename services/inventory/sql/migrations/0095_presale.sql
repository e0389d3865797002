-- One SKU of a purchase order: what is to come, and what of it was promised to orders that are not held yet. A line without
-- a purchase order is what is set aside of the shelf. `came`: promised pieces that came in and wait for their orders.
-- `uncarried`: promised pieces for which nothing is to come any more, until they are moved or withdrawn.
-- The last CHECK stops whoever would promise the same expected piece twice.
CREATE TABLE inventory.expected (
    sku text NOT NULL,
    warehouse text NOT NULL,
    purchase_no text NOT NULL,
    outstanding bigint NOT NULL DEFAULT 0 CHECK (outstanding >= 0),
    promised bigint NOT NULL DEFAULT 0 CHECK (promised >= 0),
    came bigint NOT NULL DEFAULT 0,
    uncarried bigint NOT NULL DEFAULT 0 CHECK (uncarried >= 0),
    percent int NOT NULL DEFAULT 0 CHECK (percent BETWEEN 0 AND 100),
    expected_at timestamptz,
    PRIMARY KEY (sku, warehouse, purchase_no),
    CONSTRAINT came_is_promised CHECK (came BETWEEN 0 AND promised),
    CONSTRAINT never_promised_twice CHECK ((promised - came - uncarried) * 100 <= outstanding * percent)
) WITH (fillfactor = 50);
CREATE INDEX expected_by_purchase ON inventory.expected (purchase_no) WHERE purchase_no <> '';

INSERT INTO inventory.expected (sku, warehouse, purchase_no, outstanding, expected_at)
SELECT good->>0, warehouse, key, (good->>1)::bigint, (document->'state'->>'expected_at')::timestamptz
FROM inventory.reservations, json_array_elements(document->'state'->'outstanding') AS good
WHERE state IN ('open', 'partly_received') AND document->'state'->>'kind' = 'purchase';

-- Free pieces that came for promised orders: sold to nobody else, also by a process that has never heard of promises.
ALTER TABLE inventory.stock
    ADD COLUMN set_aside bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT set_aside_for_promises CHECK (set_aside = 0 OR (set_aside > 0 AND reserved + kept + set_aside <= on_hand));

-- When a promised order's goods can be sent; NULL = nothing is promised.
ALTER TABLE inventory.reservations ADD COLUMN promised_for timestamptz;
CREATE INDEX reservations_promised ON inventory.reservations (promised_for) WHERE promised_for IS NOT NULL;

CREATE VIEW inventory.promised_goods AS
SELECT key, promise->>1 AS sku, promise->>0 AS warehouse, promise->>3 AS purchase_no, (promise->>2)::bigint AS pieces,
       (promise->>4)::timestamptz AS expected_at, promised_for
FROM inventory.reservations, json_array_elements(document->'state'->'promises') AS promise
WHERE promised_for IS NOT NULL;
