-- The caller's own name of a reservation of an own store; NULL for orders and receipts.
ALTER TABLE inventory.reservations ADD COLUMN reference text;
CREATE INDEX reservations_by_reference ON inventory.reservations (reference) WHERE reference IS NOT NULL;
