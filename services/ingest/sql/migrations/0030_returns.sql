-- Returns that stores have taken in: documents of their own, until they are handed to refunds as what they do to a sale.
-- `key` is channel|shop|return number and never expires: a return is one refund, however often it is told. The sale
-- (`sale_key`) may be told later. `looked_at` gives turns to those that wait.
CREATE TABLE ingest.returns (
    key text PRIMARY KEY,
    channel text NOT NULL,
    shop text NOT NULL,
    return_no text NOT NULL,
    sale_key text NOT NULL,
    lines json NOT NULL,
    refund_id text NOT NULL,
    requested boolean NOT NULL DEFAULT false,
    seen_at timestamptz NOT NULL DEFAULT now(),
    looked_at timestamptz
);
CREATE INDEX returns_to_request ON ingest.returns (looked_at NULLS FIRST) WHERE NOT requested;
