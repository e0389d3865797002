-- Group-buys of our own leaders' door. `orders` counts the numbers given (接龙号).
CREATE TABLE ingest.group_buys (
    campaign_id text PRIMARY KEY,
    document json NOT NULL,
    opened_by text NOT NULL,
    opened_at timestamptz NOT NULL,
    closed_by text NOT NULL DEFAULT '',
    closed_at timestamptz,
    close_reason text NOT NULL DEFAULT '',
    orders int NOT NULL DEFAULT 0
);

CREATE TABLE ingest.group_buy_pictures (
    campaign_id text NOT NULL REFERENCES ingest.group_buys,
    sku text NOT NULL,
    media_type text NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (campaign_id, sku)
);

-- What the door accepted. `payload` is sealed, and emptied once the order was told or withdrawn: from then on the
-- neighbour's data are under the order's own key only. `buyer_key` and `content_key` are keyed hashes. `status` goes from open (its
-- round is not released) to released (to be told) to told; to unreadable where the payload no longer opens; or to
-- withdrawn, before the cut-off.
CREATE TABLE ingest.group_buy_orders (
    order_no text PRIMARY KEY,
    campaign_id text NOT NULL REFERENCES ingest.group_buys,
    number int NOT NULL,
    leader_id text NOT NULL,
    station_id text NOT NULL,
    round_day date NOT NULL,
    accepted_at timestamptz NOT NULL,
    buyer_key text NOT NULL,
    content_key text NOT NULL,
    total_fen bigint NOT NULL CHECK (total_fen > 0),
    payload bytea NOT NULL,
    status text NOT NULL DEFAULT 'open',
    UNIQUE (campaign_id, number)
);
CREATE INDEX group_buy_orders_by_round ON ingest.group_buy_orders (campaign_id, round_day);
CREATE INDEX group_buy_orders_to_tell ON ingest.group_buy_orders (accepted_at) WHERE status = 'released';

CREATE TABLE ingest.group_buy_lines (
    order_no text NOT NULL REFERENCES ingest.group_buy_orders,
    sku text NOT NULL,
    quantity int NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_no, sku)
);

-- Decided once: who gets how many of an article that could not be bought in full.
CREATE TABLE ingest.group_buy_shortages (
    campaign_id text NOT NULL REFERENCES ingest.group_buys,
    round_day date NOT NULL,
    sku text NOT NULL,
    document json NOT NULL,
    PRIMARY KEY (campaign_id, round_day, sku)
);

-- Rounds whose goods are here: their orders go on to be shipped.
CREATE TABLE ingest.group_buy_rounds (
    campaign_id text NOT NULL REFERENCES ingest.group_buys,
    round_day date NOT NULL,
    released_by text NOT NULL,
    released_at timestamptz NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (campaign_id, round_day)
);
