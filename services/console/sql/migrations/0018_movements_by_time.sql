-- Old movements are found by a B-tree. Where freed pages are used again, each range of a BRIN index comes to hold the oldest and
-- the newest rows, and whoever looks for old ones reads the whole table.
DROP INDEX console.stock_movements_at;
CREATE INDEX stock_movements_at ON console.stock_movements (at);
