-- What waits for a person, and what became of it: one row a channel order (key = source key), or a content without
-- an order number (key = source key # digest). Written by the normaliser only, inside its batch.
CREATE TABLE ingest.quarantine (
    key text PRIMARY KEY,
    channel text NOT NULL,
    shop text NOT NULL,
    channel_order_no text NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'corrected', 'released', 'superseded', 'discarded')),
    problems jsonb NOT NULL,
    evidence text NOT NULL,        -- topic/partition/offset of the raw payload
    sha256 bytea NOT NULL,         -- of the native bytes
    digest text NOT NULL,
    door text NOT NULL,
    accepted_at timestamptz NOT NULL,
    modified_at timestamptz,
    first_seen_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    arrivals int NOT NULL,
    body bytea NOT NULL,           -- sealed native payload; empty once nobody waits for it
    correction bytea NOT NULL,     -- sealed
    standing bytea NOT NULL,       -- sealed; applied to later snapshots
    order_id text NOT NULL,
    CHECK ((state IN ('open', 'corrected')) = (body <> ''))
);
CREATE INDEX quarantine_waiting ON ingest.quarantine (first_seen_at) WHERE state IN ('open', 'corrected');
CREATE INDEX quarantine_by_order ON ingest.quarantine (order_id) WHERE order_id <> '';
CREATE INDEX quarantine_by_number ON ingest.quarantine (channel_order_no);

-- Who did what to an entry or an order, and why; only ever appended. Places of corrected fields, never their content.
CREATE TABLE ingest.audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL,             -- of the entry, or source key of the order
    at timestamptz NOT NULL,
    act text NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    basis text NOT NULL,
    fields text[] NOT NULL
);
CREATE INDEX audit_by_key ON ingest.audit (key, id);
