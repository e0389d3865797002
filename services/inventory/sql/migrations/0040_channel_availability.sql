-- Pieces of a SKU that no channel is offered from a warehouse.
CREATE TABLE inventory.safety_stocks (
    warehouse text NOT NULL,
    sku text NOT NULL,
    pieces bigint NOT NULL CHECK (pieces >= 0),
    actor text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (sku, warehouse)
);

-- What each channel was last told it may offer: `offers` is the list of channel, quantity and rule.
CREATE TABLE inventory.channel_availability (
    sku text PRIMARY KEY,
    for_sale bigint NOT NULL,
    offers json NOT NULL,
    stock_changed_at timestamptz NOT NULL,
    told_at timestamptz NOT NULL
) WITH (fillfactor = 70);

-- Changes up to here are told, by this version of the table of quotas.
CREATE TABLE inventory.availability_told_to (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    rules text NOT NULL,
    changed_at timestamptz NOT NULL
);
INSERT INTO inventory.availability_told_to (rules, changed_at) VALUES ('', '1970-01-01Z');
