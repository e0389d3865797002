-- The newest ledger entry an epoch began with: what a document had booked by then is in its numbers already.
ALTER TABLE inventory.epoch ADD COLUMN entry_id bigint NOT NULL DEFAULT 0;
