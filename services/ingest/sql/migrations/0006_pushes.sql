-- How many genuine pushes each shop has had, and when the last one came: for people, see push_counts.py.
ALTER TABLE ingest.shops
    ADD COLUMN pushes bigint NOT NULL DEFAULT 0,
    ADD COLUMN pushed_at timestamptz;
