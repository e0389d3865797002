-- Raw payloads beyond what their topic keeps, sealed as they lie there: one row a content, whichever arrivals had it
-- (`ingest.evidence` has source_key and sha256 of each). Rows older than DANSHU_INGEST_PAYLOAD_DAYS are deleted, the
-- oldest also where DANSHU_INGEST_PAYLOAD_BYTES_MAX lie here, and an order's when the key of its person is destroyed.
CREATE TABLE ingest.payloads (
    source_key text NOT NULL,
    sha256 bytea NOT NULL,
    position text NOT NULL,        -- of the first arrival that had it
    channel text NOT NULL,
    shop text NOT NULL,
    channel_order_no text NOT NULL,
    door text NOT NULL,
    accepted_at timestamptz NOT NULL,
    kept_at timestamptz NOT NULL,  -- when that arrival was taken
    body bytea NOT NULL,
    PRIMARY KEY (source_key, sha256)
);
-- It is sealed: trying to compress it is in vain.
ALTER TABLE ingest.payloads ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX payloads_by_age ON ingest.payloads (kept_at);

-- How far the topic was copied, and how much lies here.
CREATE TABLE ingest.payload_archive (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    copied_until timestamptz NOT NULL,
    bytes bigint NOT NULL DEFAULT 0
);
INSERT INTO ingest.payload_archive (copied_until) VALUES ('epoch');

CREATE FUNCTION ingest.count_payloads() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE ingest.payload_archive SET bytes = bytes + coalesce((SELECT sum(octet_length(body)) FROM changed), 0);
    ELSE
        UPDATE ingest.payload_archive SET bytes = bytes - coalesce((SELECT sum(octet_length(body)) FROM changed), 0);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payloads_added AFTER INSERT ON ingest.payloads REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ingest.count_payloads();
CREATE TRIGGER payloads_gone AFTER DELETE ON ingest.payloads REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ingest.count_payloads();

CREATE FUNCTION ingest.forget_payloads() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM ingest.payloads USING ingest.orders
    WHERE ingest.orders.order_id = OLD.order_id AND ingest.payloads.source_key = ingest.orders.key;
    RETURN NULL;
END $$;
CREATE TRIGGER payloads_forgotten AFTER DELETE ON chassis.personal_keys
    FOR EACH ROW EXECUTE FUNCTION ingest.forget_payloads();
