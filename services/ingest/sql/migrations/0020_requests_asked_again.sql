-- A request that we refused may be asked again under its number. `told_refused`: the channel took our refusal;
-- `closed_at`: the channel's own time of the newest state in which it was seen closed since; `round` counts the askings.
ALTER TABLE ingest.aftersales
    ADD COLUMN told_refused boolean NOT NULL DEFAULT false,
    ADD COLUMN closed_at timestamptz,
    ADD COLUMN round int NOT NULL DEFAULT 1;
