-- Requests that cannot be handed over yet take turns: those looked at longest ago come first.
ALTER TABLE ingest.aftersales ADD COLUMN looked_at timestamptz;
CREATE INDEX aftersales_in_turn ON ingest.aftersales (looked_at NULLS FIRST, seen_at) WHERE NOT requested;
DROP INDEX ingest.aftersales_to_request;
