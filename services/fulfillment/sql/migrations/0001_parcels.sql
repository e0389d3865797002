CREATE SCHEMA fulfillment;

-- One row an order. `document` is the truth, the columns beside it are for queries and constraints.
CREATE TABLE fulfillment.parcels (
    key text PRIMARY KEY,
    document json NOT NULL,
    stage text NOT NULL,
    warehouse text NOT NULL,
    carrier text NOT NULL,
    waybill_no text NOT NULL,
    ship_by timestamptz,
    held boolean NOT NULL,
    dispatch_due_at timestamptz
) WITH (fillfactor = 70);

-- One waybill, one parcel: the last guard against a provider that gives a number out twice.
CREATE UNIQUE INDEX parcels_waybill ON fulfillment.parcels (waybill_no) WHERE waybill_no <> '';
-- The warehouse's queue, most urgent first; also what is overdue.
CREATE INDEX parcels_open ON fulfillment.parcels (stage, ship_by)
    WHERE stage IN ('planned', 'waybill_refused', 'labelled', 'picked', 'packed');
-- The dispatcher's queue.
CREATE INDEX parcels_dispatch ON fulfillment.parcels (ship_by) WHERE dispatch_due_at IS NOT NULL;

-- Intent of a waybill call, written before it: a parcel that is not here was never asked for, so that a
-- cancelled one needs no call.
CREATE TABLE fulfillment.waybill_calls (
    order_id text PRIMARY KEY,
    asked_at timestamptz NOT NULL DEFAULT now()
);

-- What one piece weighs. The revision grows with every change and tells workers to read again.
CREATE TABLE fulfillment.sku_weights (
    sku text PRIMARY KEY,
    weight_g int NOT NULL CHECK (weight_g BETWEEN 1 AND 1000000)
);
CREATE TABLE fulfillment.sku_weights_revision (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    revision bigint NOT NULL
);
INSERT INTO fulfillment.sku_weights_revision (revision) VALUES (0);
