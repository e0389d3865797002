-- What each channel may offer of a SKU, as inventory said last; `revision` rises with every change of a row.
CREATE SEQUENCE ingest.availability_revisions;
CREATE TABLE ingest.availability (
    key text PRIMARY KEY,      -- our SKU
    document json NOT NULL,
    revision bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE INDEX availability_changed ON ingest.availability (revision);
CREATE FUNCTION ingest.number_availability() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.revision := nextval('ingest.availability_revisions');
    RETURN NEW;
END $$;
CREATE TRIGGER availability_numbered BEFORE INSERT OR UPDATE ON ingest.availability
    FOR EACH ROW EXECUTE FUNCTION ingest.number_availability();

-- What the shops sell, whose stock is told them. `wanted` is what a listing should show, since `wanted_at` the shop
-- has not been told; `told` is what it was told last, with its answer.
CREATE TABLE ingest.listings (
    channel text NOT NULL,
    shop text NOT NULL,
    channel_sku_id text NOT NULL,
    item_id text NOT NULL,
    merchant_code text NOT NULL,
    actor text NOT NULL,
    set_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    wanted bigint,
    wanted_at timestamptz,
    due boolean NOT NULL DEFAULT false,
    told bigint,
    told_at timestamptz,
    outcome text NOT NULL DEFAULT '' CHECK (outcome IN ('', 'applied', 'refused', 'unsupported')),
    reason text NOT NULL DEFAULT '',
    attempts int NOT NULL DEFAULT 0,
    PRIMARY KEY (channel, shop, channel_sku_id)
) WITH (fillfactor = 50);
CREATE INDEX listings_due ON ingest.listings (wanted_at) WHERE due;
