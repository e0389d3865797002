-- Everything matching leans on has one revision. Who changes anything of it takes this row first, so that changes
-- are committed in the order of their revisions and a reader misses none.
CREATE TABLE ingest.catalogue (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    revision bigint NOT NULL DEFAULT 0
);
INSERT INTO ingest.catalogue DEFAULT VALUES;

-- What a channel's SKU (or a bundle of our own: no channel, no shop) consists of. A row is never changed but for
-- `in_force`: what an order was matched by stays readable by its mapping_id. A removed mapping is a row, too.
CREATE TABLE ingest.sku_mappings (
    mapping_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel text NOT NULL,
    shop text NOT NULL,
    channel_sku_id text NOT NULL,
    merchant_code text NOT NULL,
    components json NOT NULL,
    removed boolean NOT NULL,
    in_force boolean NOT NULL DEFAULT true,
    revision bigint NOT NULL,
    actor text NOT NULL,
    set_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (channel_sku_id <> '' OR merchant_code <> ''),
    CHECK ((channel = '') = (shop = '')),
    CHECK (channel <> '' OR channel_sku_id = '')
);
CREATE UNIQUE INDEX sku_mappings_in_force
    ON ingest.sku_mappings (channel, shop, channel_sku_id, merchant_code) WHERE in_force;
CREATE INDEX sku_mappings_changed ON ingest.sku_mappings (revision) WHERE in_force;

-- SKUs of which inventory has ever told a stock level.
CREATE TABLE ingest.skus (
    sku text PRIMARY KEY,
    revision bigint NOT NULL,
    learned_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX skus_changed ON ingest.skus (revision);

-- Lines that have no SKU of ours; their orders wait. Written with the order, in the normaliser's transaction.
CREATE TABLE ingest.unmatched (
    id bigint GENERATED ALWAYS AS IDENTITY,
    order_key text NOT NULL,
    order_id text NOT NULL,
    line_no int NOT NULL,
    channel text NOT NULL,
    shop text NOT NULL,
    channel_sku_id text NOT NULL,
    merchant_code text NOT NULL,
    title text NOT NULL,
    quantity int NOT NULL,
    reason text NOT NULL,
    since timestamptz NOT NULL,
    asked_at timestamptz,
    PRIMARY KEY (order_key, line_no)
);
CREATE INDEX unmatched_newest ON ingest.unmatched (id);
