-- A repair makes up for entries that were changed behind the service's back; where only what they state is wrong,
-- it moves no piece. Old rows keep to the stricter law they were written under, so they are not read again.
ALTER TABLE inventory.ledger
    DROP CONSTRAINT ledger_quantity_check,
    DROP CONSTRAINT ledger_kind_check,
    ADD CONSTRAINT ledger_quantity_check CHECK (quantity <> 0 OR kind = 'repair') NOT VALID,
    ADD CONSTRAINT ledger_kind_check CHECK (kind IN ('receipt', 'deduction', 'return', 'adjustment',
        'transfer_out', 'transfer_in', 'count', 'repair')) NOT VALID;
