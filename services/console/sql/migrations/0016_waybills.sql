-- Waybills beside the one on the card: of an order's other parcels, and those that were replaced. Any of them finds the order.
CREATE TABLE console.waybills (
    order_id text NOT NULL,
    waybill_no text NOT NULL
);
CREATE INDEX waybills_no ON console.waybills (waybill_no);

-- What timelines tell of the past: "中通 75000001", "中通 75000001 → 顺丰 SF20000001 · 贴错面单". Reads the timeline once.
INSERT INTO console.waybills (order_id, waybill_no)
SELECT DISTINCT told.order_id, told.waybill_no
FROM (
    SELECT
        order_id,
        CASE kind
            WHEN 'WaybillIssued' THEN substring(detail_zh FROM ' (\S+)$')
            ELSE substring(detail_zh FROM '^\S+ (\S+) → ')
        END AS waybill_no
    FROM console.timeline
    WHERE kind IN ('WaybillIssued', 'WaybillReplaced')
) AS told
JOIN console.cards AS card ON card.key = told.order_id
WHERE told.waybill_no <> card.waybill_no;
