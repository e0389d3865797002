-- A SKU is known where it has a row of stock. What is on order has one from its purchase order on.
INSERT INTO inventory.stock (warehouse, sku)
SELECT DISTINCT warehouse, sku FROM inventory.expected WHERE purchase_no <> '' AND outstanding > 0
ON CONFLICT DO NOTHING;
