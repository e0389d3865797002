-- Which raw payload made which version of an order: one row an arrival, and one a release. Only ever appended; rows
-- older than DANSHU_INGEST_EVIDENCE_DAYS are deleted. The payload itself is kept by its topic for seven days.
CREATE TABLE ingest.evidence (
    source_key text NOT NULL,
    position text NOT NULL,        -- topic/partition/offset of the payload
    sha256 bytea NOT NULL,         -- of the native bytes; empty where they did not open
    door text NOT NULL,
    accepted_at timestamptz NOT NULL,
    taken_at timestamptz NOT NULL,
    modified_at timestamptz,       -- as the channel says
    outcome text NOT NULL,         -- placed, changed, stale, quarantined, released
    order_version bigint NOT NULL  -- newest version on `orders` after it; 0: there was none
);
CREATE INDEX evidence_by_order ON ingest.evidence (source_key, taken_at);
CREATE INDEX evidence_by_age ON ingest.evidence USING brin (taken_at);
