-- Every change of what a SKU weighs, by whom and why; rows are only ever added. Weights from before this was kept have none.
CREATE TABLE fulfillment.sku_weight_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku text NOT NULL,
    weight_g int NOT NULL,
    former_weight_g int,           -- NULL: it had none, and counted as estimated
    changed_at timestamptz NOT NULL,
    actor text NOT NULL CHECK (actor <> ''),
    reason text NOT NULL CHECK (reason <> '')
);
CREATE INDEX sku_weight_changes_by_sku ON fulfillment.sku_weight_changes (sku, id);
