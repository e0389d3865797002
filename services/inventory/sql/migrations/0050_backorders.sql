-- Paid orders that wait for goods are looked for each second.
CREATE INDEX reservations_backordered ON inventory.reservations (key)
    WHERE state = 'short' AND reference IS NULL;
