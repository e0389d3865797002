-- `withheld`: on hand and not for sale, since its batch is past a limit, recalled or waits for an inspection. It may come to
-- more than is free, when goods were promised before: then nothing is, until holds end.
ALTER TABLE inventory.stock
    ADD COLUMN withheld bigint NOT NULL DEFAULT 0 CHECK (withheld >= 0),
    ADD COLUMN batched boolean NOT NULL DEFAULT false;

-- What a row has beyond its batches has no batch number. Rows are written under the lock of their row of stock.
CREATE TABLE inventory.batches (
    warehouse text NOT NULL,
    sku text NOT NULL,
    batch text NOT NULL CHECK (batch <> ''),
    produced_on date,
    expires_on date CHECK (expires_on >= produced_on),
    on_hand bigint NOT NULL,
    held bigint NOT NULL,
    standing text NOT NULL CHECK (standing IN ('for_sale', 'off_sale', 'recalled')),
    why text NOT NULL DEFAULT '',
    withheld bigint NOT NULL GENERATED ALWAYS AS (CASE standing WHEN 'for_sale' THEN held ELSE on_hand END) STORED,
    PRIMARY KEY (warehouse, sku, batch),
    CHECK (0 <= held AND held <= on_hand)
) WITH (fillfactor = 50);
CREATE INDEX batches_by_number ON inventory.batches (batch);
CREATE INDEX batches_recalled ON inventory.batches (sku, batch) WHERE standing = 'recalled';

-- Entries name the batch they moved, and by how much they changed what is withheld; sums of both are what lies there.
ALTER TABLE inventory.ledger
    ADD COLUMN batch text NOT NULL DEFAULT '',
    ADD COLUMN withheld bigint NOT NULL DEFAULT 0,
    DROP CONSTRAINT ledger_document_no_kind_order_id_warehouse_sku_key,
    ADD UNIQUE (document_no, kind, order_id, warehouse, sku, batch),
    DROP CONSTRAINT ledger_quantity_check,
    DROP CONSTRAINT ledger_kind_check,
    ADD CONSTRAINT ledger_quantity_check CHECK (quantity <> 0 OR withheld <> 0 OR kind = 'repair') NOT VALID,
    ADD CONSTRAINT ledger_kind_check CHECK (kind IN ('receipt', 'deduction', 'return', 'adjustment',
        'transfer_out', 'transfer_in', 'count', 'repair', 'withhold', 'write_off')) NOT VALID;
CREATE INDEX ledger_by_batch ON inventory.ledger (batch, sku, warehouse) WHERE batch <> '';

-- A batch that comes near a limit is a task, too.
ALTER TABLE inventory.tasks
    ALTER COLUMN reconciliation DROP NOT NULL,
    DROP CONSTRAINT tasks_kind_check,
    ADD CONSTRAINT tasks_kind_check CHECK (kind IN ('difference', 'count', 'limit_sales', 'batch'));
