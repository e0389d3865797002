-- What the page of the channels is made of. As all of the console, it can be rebuilt from Kafka.

-- How each shop is doing, as ingest said last: the document holds its ShopStateChanged.
CREATE TABLE console.shops (
    key text PRIMARY KEY,      -- channel|shop
    document json NOT NULL
) WITH (fillfactor = 50);

-- What came in each minute of the last day: orders by their time of ordering, the channel's answers to
-- write-backs by theirs. Batches append differences, a task sums them up.
CREATE TABLE console.shop_minutes (
    minute timestamptz NOT NULL,
    channel text NOT NULL,
    shop text NOT NULL,
    orders bigint NOT NULL,
    applied bigint NOT NULL,
    refused bigint NOT NULL,
    PRIMARY KEY (minute, channel, shop)
) WITH (fillfactor = 50);
CREATE TABLE console.shop_minute_changes (
    minute timestamptz NOT NULL,
    channel text NOT NULL,
    shop text NOT NULL,
    orders bigint NOT NULL,
    applied bigint NOT NULL,
    refused bigint NOT NULL
);
INSERT INTO console.shop_minutes
SELECT date_trunc('minute', placed_at), channel, document #>> '{state,2}', count(*), 0, 0
FROM console.cards
WHERE placed_at >= now() - interval '25 hours' AND state <> 'quarantined'
GROUP BY 1, 2, 3;

-- Write-backs that a channel refused: few, wanted newest first.
CREATE INDEX cards_write_back_refused ON console.cards (placed_at)
    WHERE strpos(flags, ' write_back_refused ') > 0;
CREATE INDEX timeline_refused ON console.timeline (at) WHERE kind = 'WriteBackRefused';
