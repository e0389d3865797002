-- Who keeps goods unpaid, as the keyed digest of the receiver; NULL for everybody else.
ALTER TABLE inventory.reservations ADD COLUMN buyer text;
CREATE INDEX reservations_by_buyer ON inventory.reservations (buyer) WHERE buyer IS NOT NULL;
