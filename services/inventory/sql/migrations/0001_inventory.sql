CREATE SCHEMA inventory;

-- Truth of what lies where. `reserved` is the sum of the live holds; CHECK is the last guard against overselling.
CREATE TABLE inventory.stock (
    warehouse text NOT NULL,
    sku text NOT NULL,
    on_hand bigint NOT NULL DEFAULT 0,
    reserved bigint NOT NULL DEFAULT 0,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (warehouse, sku),
    CONSTRAINT never_oversold CHECK (0 <= reserved AND reserved <= on_hand)
) WITH (fillfactor = 50);
CREATE INDEX stock_by_sku ON inventory.stock (sku);

-- One row an order (key = order_id) or a receipt (key = document_no).
CREATE TABLE inventory.reservations (
    key text PRIMARY KEY,
    document json NOT NULL,
    state text NOT NULL,
    warehouse text NOT NULL,
    generation int NOT NULL,
    expires_at timestamptz
) WITH (fillfactor = 70);
CREATE INDEX reservations_due ON inventory.reservations (expires_at)
    WHERE state = 'held' AND expires_at IS NOT NULL;
CREATE INDEX reservations_live ON inventory.reservations (key) WHERE state = 'held';

-- Every piece that came or went, in signed quantities. Written once, never changed.
CREATE TABLE inventory.ledger (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    warehouse text NOT NULL,
    sku text NOT NULL,
    quantity bigint NOT NULL CHECK (quantity <> 0),
    kind text NOT NULL CHECK (kind IN ('receipt', 'deduction', 'return', 'adjustment')),
    document_no text NOT NULL,
    order_id text NOT NULL,
    balance_after bigint NOT NULL CHECK (balance_after >= 0),
    -- The same movement cannot be booked twice, whoever forgets what.
    UNIQUE (document_no, kind, order_id, warehouse, sku)
);
CREATE INDEX ledger_by_sku ON inventory.ledger (sku, id);

CREATE FUNCTION inventory.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is only ever added to: book an adjustment' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON inventory.ledger
    FOR EACH STATEMENT EXECUTE FUNCTION inventory.refuse_change();

-- Which Valkey contents are in force: those of this epoch, on the server with this run id, while LIVE.
CREATE TABLE inventory.epoch (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch bigint NOT NULL,
    run_id text NOT NULL,
    state text NOT NULL CHECK (state IN ('LIVE', 'REBUILDING'))
);
INSERT INTO inventory.epoch (epoch, run_id, state) VALUES (0, '', 'REBUILDING');
