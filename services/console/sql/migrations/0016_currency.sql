-- What an order's money is in is told beside it; orders that were kept before are taken for yuan.
CREATE OR REPLACE VIEW console.orders AS
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
    string_to_array(trim(flags), ' ') AS flags,
    coalesce(document #>> '{state,25}', 'CNY') AS currency
FROM console.cards;
