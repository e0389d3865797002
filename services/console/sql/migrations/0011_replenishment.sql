-- What to order, one row a SKU and warehouse (key = warehouse|sku), as inventory suggested last.
CREATE TABLE console.replenishment (
    key text PRIMARY KEY,
    document json NOT NULL,
    warehouse text NOT NULL,
    sku text NOT NULL,
    quantity bigint NOT NULL,              -- pieces to order now; 0 = none
    below boolean NOT NULL                 -- less for sale than its safety stock
) WITH (fillfactor = 70);
CREATE INDEX replenishment_sku ON console.replenishment (sku);
CREATE INDEX replenishment_wanted ON console.replenishment (below, quantity) WHERE quantity > 0 OR below;
