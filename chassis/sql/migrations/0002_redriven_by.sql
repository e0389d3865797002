-- Who sent a dead letter again, why, and the sha256 of what was sent: another than the letter's own where it was mended.
-- Letters that were redriven before this was kept have none of it, and stay as they are.
ALTER TABLE chassis.dead_letters
    ADD COLUMN redriven_by text,
    ADD COLUMN redriven_because text,
    ADD COLUMN redriven_sha256 text,
    ADD CONSTRAINT dead_letters_redriven_by_somebody CHECK (
        redriven_at IS NULL
        OR (redriven_by IS NOT NULL AND redriven_because IS NOT NULL AND redriven_sha256 IS NOT NULL)
    ) NOT VALID;
