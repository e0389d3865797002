-- One row a SKU (key): what is to come, promised and set aside of it, as inventory told it last.
CREATE TABLE console.stock_outlooks (
    key text PRIMARY KEY,
    document json NOT NULL
) WITH (fillfactor = 70);
