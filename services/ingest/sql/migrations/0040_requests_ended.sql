-- After-sales requests that were seen ended on the channel, one row each time. `ended_at` is the channel's own time of that,
-- the epoch where it tells none. `told`: what the channel refused meanwhile is told again, or there was nothing.
CREATE TABLE ingest.requests_ended (
    channel text NOT NULL,
    shop text NOT NULL,
    refund_no text NOT NULL,
    ended_at timestamptz NOT NULL,
    channel_order_no text NOT NULL,
    state text NOT NULL,
    told boolean NOT NULL DEFAULT false,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (channel, shop, refund_no, ended_at)
);
CREATE INDEX requests_ended_to_tell ON ingest.requests_ended (seen_at) WHERE NOT told;
