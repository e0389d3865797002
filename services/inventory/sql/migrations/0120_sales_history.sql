-- What another system sold of a row of stock before this one did, by day from `first_day` on; NULL = nobody knows.
CREATE TABLE inventory.sales_history (
    warehouse text NOT NULL,
    sku text NOT NULL,
    first_day date NOT NULL,
    pieces bigint[] NOT NULL CHECK (cardinality(pieces) > 0 AND 0 <= ALL (array_remove(pieces, NULL))),
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (warehouse, sku)
);
