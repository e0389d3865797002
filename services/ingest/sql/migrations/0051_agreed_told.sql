-- A request that was approved on its channel, which pays by itself, later: told once for each time that it is asked.
ALTER TABLE ingest.aftersales ADD COLUMN agreed_told boolean NOT NULL DEFAULT false;
CREATE INDEX aftersales_agreed ON ingest.aftersales (channel, seen_at)
    WHERE requested AND NOT agreed_told AND document ->> 'state' = 'returning';
