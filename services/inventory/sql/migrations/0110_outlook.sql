-- What was told last of what is to come, promised and set aside of each SKU (outlook.py); none of a SKU without any.
CREATE TABLE inventory.outlook_told (
    sku text PRIMARY KEY,
    outlook text NOT NULL
) WITH (fillfactor = 70);
-- Lines of purchase orders are never removed: what has all come and is promised to nobody is passed over.
CREATE INDEX expected_open ON inventory.expected (sku) WHERE outstanding > 0 OR promised > 0;
