-- What was taken when is found by a B-tree. Where freed pages are used again, each range of a BRIN index comes to hold the oldest
-- and the newest rows, and whoever looks for some of them reads the whole table.
DROP INDEX ingest.evidence_by_age;
CREATE INDEX evidence_by_age ON ingest.evidence (taken_at);
