-- When the process began whose table of quotas counts: one that began before it and has another table tells nothing, for as
-- long as somebody with the table that counts has looked.
ALTER TABLE inventory.availability_told_to
    ADD COLUMN began_at timestamptz NOT NULL DEFAULT '1970-01-01Z',
    ADD COLUMN looked_at timestamptz NOT NULL DEFAULT '1970-01-01Z';
