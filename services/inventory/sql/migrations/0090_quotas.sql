-- `kept`: free pieces that only some group of channels may hold (rules/channel-quota). Whoever holds for another channel,
-- also a process that has never heard of quotas, is stopped here. `counted_from`: the newest ledger entry when the uses of
-- this row's channels began to be counted; NULL = they are not, and nothing is kept.
ALTER TABLE inventory.stock
    ADD COLUMN kept bigint NOT NULL DEFAULT 0,
    ADD COLUMN counted_from bigint,
    ADD CONSTRAINT kept_for_its_group CHECK (kept = 0 OR (kept > 0 AND reserved + kept <= on_hand)),
    ADD CONSTRAINT kept_where_counted CHECK (kept = 0 OR counted_from IS NOT NULL);

-- What each channel holds of a counted row, and has sent out since (net of returns). Written under the lock of the row.
CREATE TABLE inventory.channel_uses (
    warehouse text NOT NULL,
    sku text NOT NULL,
    channel text NOT NULL,
    held bigint NOT NULL CHECK (held >= 0),
    sent bigint NOT NULL,
    PRIMARY KEY (sku, warehouse, channel)
) WITH (fillfactor = 50);
