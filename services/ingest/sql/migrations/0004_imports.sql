-- Files that were imported, and how far each came: what `--resume` goes on from, and who imported what, for later.
-- The id follows from the shop, the file's bytes and the preset's, so the same import is the same row.
CREATE TABLE ingest.imports (
    import_id text PRIMARY KEY,
    channel text NOT NULL,
    shop text NOT NULL,
    file_name text NOT NULL,
    preset text NOT NULL,
    actor text NOT NULL,
    orders_done int NOT NULL DEFAULT 0,
    fresh int NOT NULL DEFAULT 0,
    known int NOT NULL DEFAULT 0,
    refused int NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    finished_at timestamptz
);
