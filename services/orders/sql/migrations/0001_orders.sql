-- Orders and their audit chain.

CREATE SCHEMA orders;

CREATE TABLE orders.orders (
    key text PRIMARY KEY,
    document json NOT NULL,
    state text,                 -- NULL: facts came before the order
    channel text,
    shop text,
    channel_order_no text,
    placed_at timestamptz,
    paid_at timestamptz,
    unpaid_since timestamptz,   -- set only while the order waits for payment
    receiver_key text,          -- NULL where the channel gives no receiver
    waiting_for text,           -- codes, separated by spaces; domain/guards.py has their Chinese
    held text,                  -- hold codes, separated by spaces
    after_sale boolean
) WITH (fillfactor = 70);

-- Serves the funnel (counts by state) and the watchdog (paid and not shipped).
CREATE INDEX orders_by_state ON orders.orders (state, paid_at);
CREATE INDEX orders_unpaid ON orders.orders (unpaid_since) WHERE unpaid_since IS NOT NULL;
-- Serves the risk fact "this receiver's orders of one hour".
CREATE INDEX orders_by_receiver ON orders.orders (receiver_key, placed_at) WHERE receiver_key IS NOT NULL;

-- Append-only: each row seals the one before it (domain/audit.py).
CREATE TABLE orders.audit (
    order_id text NOT NULL,
    seq int NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    from_state text NOT NULL,
    to_state text NOT NULL,
    basis text NOT NULL,
    rule text NOT NULL,
    detail text NOT NULL,
    prev_hash bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (order_id, seq)
);

CREATE FUNCTION orders.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'orders.audit is append-only' USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER audit_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON orders.audit
    FOR EACH STATEMENT EXECUTE FUNCTION orders.refuse_change();
