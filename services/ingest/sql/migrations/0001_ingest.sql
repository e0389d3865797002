CREATE SCHEMA ingest;

-- The id map and the newest content known of every channel order. The key is channel|shop|order number and
-- never expires: it is the third guard against doubling an order.
CREATE TABLE ingest.orders (
    key text PRIMARY KEY,
    document json NOT NULL,
    order_id text UNIQUE,
    channel text NOT NULL,
    shop text NOT NULL,
    channel_order_no text NOT NULL,
    quarantined boolean NOT NULL,
    modified_at timestamptz
) WITH (fillfactor = 70);
CREATE INDEX orders_quarantined ON ingest.orders (channel) WHERE quarantined;

-- Numbers of our ids; gaps are fine, repeats are not.
CREATE SEQUENCE ingest.order_numbers CACHE 1;

-- Orders whose detail has to be fetched: a push hinted at them, or a polled row was partial.
CREATE TABLE ingest.fetches (
    source_key text PRIMARY KEY,
    channel text NOT NULL,
    shop text NOT NULL,
    channel_order_no text NOT NULL,
    door text NOT NULL,
    accepted_at timestamptz NOT NULL,
    asked int NOT NULL DEFAULT 1,
    attempts int NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);
CREATE INDEX fetches_due ON ingest.fetches (due_at);

-- How far each shop was polled, and how it is doing.
CREATE TABLE ingest.shops (
    channel text NOT NULL,
    shop text NOT NULL,
    polled_until timestamptz,
    state text NOT NULL DEFAULT 'new',
    error text NOT NULL DEFAULT '',
    failures int NOT NULL DEFAULT 0,
    succeeded_at timestamptz,
    PRIMARY KEY (channel, shop)
);

-- What the channels have to be told.
CREATE TABLE ingest.write_backs (
    key text PRIMARY KEY,
    document json NOT NULL,
    due boolean NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX write_backs_due ON ingest.write_backs (key) WHERE due;

-- After-sales requests seen on the channels. `requested`: handed to refunds as a command.
CREATE TABLE ingest.aftersales (
    channel text NOT NULL,
    shop text NOT NULL,
    refund_no text NOT NULL,
    channel_order_no text NOT NULL,
    document json NOT NULL,
    refund_id text NOT NULL,
    requested boolean NOT NULL DEFAULT false,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (channel, shop, refund_no)
);
CREATE INDEX aftersales_to_request ON ingest.aftersales (seen_at) WHERE NOT requested;
CREATE INDEX aftersales_by_refund ON ingest.aftersales (refund_id);
