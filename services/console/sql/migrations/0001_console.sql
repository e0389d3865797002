-- Read tables of the console. Everything here can be rebuilt from Kafka by starting from offset 0.
CREATE SCHEMA console;


-- One row an order (key = order id) or a quarantined payload (key = its source key). Columns are what lists
-- filter, sort and search by; everything else is read from the document, which every event rewrites.
CREATE TABLE console.cards (
    key text PRIMARY KEY,
    document json NOT NULL,
    state text NOT NULL,
    channel text NOT NULL,
    channel_order_no text NOT NULL,
    placed_at timestamptz,     -- null: only other services' facts are known, not shown
    routed_at timestamptz,
    waybill_no text NOT NULL,
    flags text NOT NULL        -- codes between spaces: ' short after_sale '; '' when there is none
) WITH (fillfactor = 70);
CREATE INDEX cards_placed ON console.cards (placed_at);
CREATE INDEX cards_state ON console.cards (state, placed_at);
CREATE INDEX cards_channel_no ON console.cards (channel_order_no);
CREATE INDEX cards_waybill ON console.cards (waybill_no) WHERE waybill_no <> '';
CREATE INDEX cards_flagged ON console.cards (placed_at) WHERE flags <> '';

-- The same with every field of the document (domain/model.py, in its order), for people and reports.
CREATE VIEW console.orders AS
SELECT
    key AS order_id,
    state,
    CASE state
        WHEN 'awaiting_payment' THEN '待支付'
        WHEN 'awaiting_review' THEN '已支付待审核'
        WHEN 'awaiting_print' THEN '待打单'
        WHEN 'preparing' THEN '已打单待发货'
        WHEN 'shipped' THEN '已发货'
        WHEN 'completed' THEN '已完成'
        WHEN 'cancelled' THEN '已取消'
        WHEN 'quarantined' THEN '已隔离'
        ELSE '未见订单'
    END AS state_title,
    channel,
    document #>> '{state,2}' AS shop,
    channel_order_no,
    placed_at,
    (document #>> '{state,5}')::timestamptz AS accepted_at,
    (document #>> '{state,6}')::timestamptz AS held_at,
    routed_at,
    (document #>> '{state,8}')::timestamptz AS updated_at,
    (document #>> '{state,9}')::timestamptz AS ship_by,
    (document #>> '{state,10}')::bigint AS payable_fen,
    (document #>> '{state,11}')::bigint AS paid_fen,
    (document #>> '{state,12}')::bigint AS refund_fen,
    document #>> '{state,13}' AS province,
    document #>> '{state,14}' AS city,
    document #>> '{state,15}' AS warehouse,
    document #>> '{state,16}' AS carrier,
    waybill_no,
    document #>> '{state,18}' AS line_summary,
    string_to_array(trim(flags), ' ') AS flags
FROM console.cards;

-- What happened to an order over all services, one row an event, only ever appended.
CREATE TABLE console.timeline (
    order_id text NOT NULL,
    at timestamptz NOT NULL,
    seq bigint NOT NULL,       -- version of the event in its source's stream
    source text NOT NULL,      -- topic domain
    kind text NOT NULL,        -- record type
    title_zh text NOT NULL,
    detail_zh text NOT NULL,
    actor text NOT NULL,
    basis text NOT NULL,       -- rule as table@version#row, or id of the event or command
    partition int NOT NULL,
    "offset" bigint NOT NULL,
    content bytea              -- the framed event, where the order's page shows more of it than the detail
);
CREATE INDEX timeline_order ON console.timeline (order_id);

-- Orders by hour of ordering, channel and state: batches append differences, a task sums them up.
CREATE TABLE console.funnel (
    hour timestamptz NOT NULL,
    channel text NOT NULL,
    state text NOT NULL,
    orders bigint NOT NULL,
    PRIMARY KEY (hour, channel, state)
) WITH (fillfactor = 50);
CREATE TABLE console.funnel_changes (
    hour timestamptz NOT NULL,
    channel text NOT NULL,
    state text NOT NULL,
    orders bigint NOT NULL
);
