-- How each shop is doing, so that a person can see it: states are those of domain/shop_health.py.
ALTER TABLE ingest.shops
    ALTER COLUMN state SET DEFAULT 'normal',
    ADD COLUMN since timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN failed_at timestamptz,
    ADD COLUMN errors json NOT NULL DEFAULT '{}',
    ADD COLUMN newest_order_at timestamptz,
    ADD COLUMN aftersales_until timestamptz;
UPDATE ingest.shops SET state = 'normal';

-- How often in a row, and since when, a channel has said that there is no such detail.
ALTER TABLE ingest.fetches
    ADD COLUMN refused int NOT NULL DEFAULT 0,
    ADD COLUMN refused_since timestamptz;
