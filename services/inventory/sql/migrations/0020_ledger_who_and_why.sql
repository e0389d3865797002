-- Whose word an entry is, and why they gave it. Entries made before this name nobody.
ALTER TABLE inventory.ledger
    ADD COLUMN actor text NOT NULL DEFAULT '',
    ADD COLUMN reason text NOT NULL DEFAULT '';
-- By the time of an entry; entries come in that order, so a few pages of summary are enough.
CREATE INDEX ledger_by_time ON inventory.ledger USING brin (at) WITH (pages_per_range = 32, autosummarize = on);
