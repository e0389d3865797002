-- What the page of the stock is made of. As all of the console, it can be rebuilt from Kafka.

-- One row a SKU and warehouse (key = warehouse|sku): its level as inventory told it last.
CREATE TABLE console.stock_levels (
    key text PRIMARY KEY,
    document json NOT NULL,
    warehouse text NOT NULL,
    sku text NOT NULL,
    on_hand bigint NOT NULL,
    reserved bigint NOT NULL,
    withheld bigint NOT NULL,              -- on hand, and not for sale
    changed_at timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX stock_levels_sku ON console.stock_levels (sku, warehouse);
CREATE INDEX stock_levels_changed ON console.stock_levels (changed_at);

-- One row a SKU: what its levels and its open differences come to. `rank` says whose turn it is to be looked at.
CREATE TABLE console.stock_skus (
    sku text PRIMARY KEY,
    warehouses int NOT NULL DEFAULT 0,
    empty_in int NOT NULL DEFAULT 0,       -- warehouses in which nothing can be sold
    on_hand bigint NOT NULL DEFAULT 0,
    reserved bigint NOT NULL DEFAULT 0,
    withheld bigint NOT NULL DEFAULT 0,
    changed_at timestamptz,
    differing int NOT NULL DEFAULT 0,      -- open differences
    oversold int NOT NULL DEFAULT 0,       -- of these: more is promised than lies there
    available bigint GENERATED ALWAYS AS (on_hand - reserved - withheld) STORED,
    rank smallint GENERATED ALWAYS AS (CASE
        WHEN oversold > 0 THEN 0
        WHEN on_hand <= reserved + withheld THEN 1
        WHEN differing > 0 THEN 2
        ELSE 3
    END) STORED
) WITH (fillfactor = 50);
CREATE INDEX stock_skus_worst ON console.stock_skus (rank, available, sku);
CREATE INDEX stock_skus_available ON console.stock_skus (available);
CREATE INDEX stock_skus_differing ON console.stock_skus (rank, available, sku) WHERE differing > 0;

-- One row an order or a reservation (key): what is held for it. `skus` are those of a live hold, between unit
-- separators; '' when nothing is held.
CREATE TABLE console.stock_holds (
    key text PRIMARY KEY,
    document json NOT NULL,
    skus text NOT NULL,
    expires_at timestamptz
) WITH (fillfactor = 70);
CREATE INDEX stock_holds_sku ON console.stock_holds USING gin (string_to_array(skus, E'\x1f')) WHERE skus <> '';

-- What came and went in the last month, one row a SKU and document, only ever appended.
CREATE TABLE console.stock_movements (
    sku text NOT NULL,
    at timestamptz NOT NULL,
    warehouse text NOT NULL,
    quantity bigint NOT NULL,              -- signed pieces
    kind text NOT NULL,
    document_no text NOT NULL,
    order_id text NOT NULL,                -- '' where it is none's
    actor text NOT NULL,
    reason text NOT NULL,
    balance_after bigint                   -- null: the event does not tell
);
CREATE INDEX stock_movements_sku ON console.stock_movements (sku, at);
CREATE INDEX stock_movements_at ON console.stock_movements USING brin (at) WITH (pages_per_range = 32, autosummarize = on);

-- How the books stand, one row a state (key as on `stock-books`): checks, reconciled warehouses, differences, tasks.
CREATE TABLE console.stock_books (
    key text PRIMARY KEY,
    document json NOT NULL,
    kind text NOT NULL,                    -- books, reconciled, difference, task
    warehouse text NOT NULL,
    sku text NOT NULL,
    open boolean NOT NULL,
    oversold boolean NOT NULL,
    at timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX stock_books_open ON console.stock_books (kind, at) WHERE open;
CREATE INDEX stock_books_newest ON console.stock_books (kind, at);
CREATE INDEX stock_books_sku ON console.stock_books (sku, at) WHERE sku <> '';
