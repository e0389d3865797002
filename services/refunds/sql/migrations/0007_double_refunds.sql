-- Refunds whose money may have gone twice, and what people said of them: a copy of what the account keeps. There is one also
-- where the books had no room for a case.
CREATE TABLE refunds.double_refunds (
    order_id text NOT NULL,
    refund_id text NOT NULL,
    reason text NOT NULL,
    amount_fen bigint NOT NULL,
    there_fen bigint,
    ours_fen bigint NOT NULL,
    beyond_fen bigint NOT NULL CHECK (beyond_fen >= 0),
    refund_no text NOT NULL,
    actor text NOT NULL,
    suspected_at timestamptz NOT NULL,
    standing boolean NOT NULL,
    resolutions json NOT NULL,
    PRIMARY KEY (order_id, refund_id)
) WITH (fillfactor = 70);
CREATE INDEX double_refunds_for_people ON refunds.double_refunds (suspected_at) WHERE standing;

-- What a channel did about a request that its case could not follow, or not yet.
ALTER TABLE refunds.cases ADD COLUMN heard_there json;
