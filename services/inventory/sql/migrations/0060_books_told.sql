-- What reconciliations came to is told to who shows it (telling_books.py): `told` is false from each change on until Kafka has it.
ALTER TABLE inventory.reconciled ADD COLUMN told boolean NOT NULL DEFAULT false;
ALTER TABLE inventory.tasks ADD COLUMN told boolean NOT NULL DEFAULT false;
ALTER TABLE inventory.differences
    ADD COLUMN told boolean NOT NULL DEFAULT false,
    -- A later sheet of the same source that lists the whole warehouse says what differs now.
    ADD COLUMN superseded_by text NOT NULL DEFAULT '';
CREATE INDEX reconciled_untold ON inventory.reconciled (reconciliation, warehouse) WHERE NOT told;
CREATE INDEX tasks_untold ON inventory.tasks (id) WHERE NOT told;
CREATE INDEX differences_untold ON inventory.differences (reconciliation, warehouse, sku) WHERE NOT told;
CREATE INDEX differences_open ON inventory.differences (warehouse) WHERE closed_at IS NULL AND superseded_by = '';
