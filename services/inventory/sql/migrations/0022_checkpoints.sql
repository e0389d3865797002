-- What the entries of a row came to when they were last read; the periodic check reads on from there.
CREATE TABLE inventory.checkpoints (
    warehouse text NOT NULL,
    sku text NOT NULL,
    entry_id bigint NOT NULL,
    pieces bigint NOT NULL,
    stated bigint NOT NULL,
    broken json,
    PRIMARY KEY (warehouse, sku)
) WITH (fillfactor = 70);
CREATE INDEX checkpoints_broken ON inventory.checkpoints (warehouse, sku) WHERE broken IS NOT NULL;

-- Every entry up to this one has been read.
CREATE TABLE inventory.read_to (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    entry_id bigint NOT NULL
);
INSERT INTO inventory.read_to (entry_id) VALUES (0);
