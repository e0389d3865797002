-- One row a campaign (key): what is set aside for it, as inventory told it last. `skus` are its SKUs, between unit separators.
CREATE TABLE console.stock_campaigns (
    key text PRIMARY KEY,
    document json NOT NULL,
    open boolean NOT NULL,
    skus text NOT NULL,
    ends_at timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX stock_campaigns_sku ON console.stock_campaigns USING gin (string_to_array(skus, E'\x1f'));
