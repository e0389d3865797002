-- name: receivers
SELECT wanted.receiver_key, near.key, near.placed_at
FROM unnest($1::text[]) AS wanted(receiver_key)
CROSS JOIN LATERAL (
    SELECT key, placed_at FROM orders.orders AS stored
    WHERE stored.receiver_key = wanted.receiver_key
      AND stored.placed_at > $2::timestamptz AND stored.placed_at <= $3::timestamptz
    ORDER BY stored.placed_at DESC LIMIT $4
) AS near

-- name: order
SELECT document FROM orders.orders WHERE key = $1 AND state IS NOT NULL

-- name: audit
SELECT order_id, seq, at, actor, action, from_state, to_state, basis, rule, detail, prev_hash, hash
FROM orders.audit WHERE order_id = $1 ORDER BY seq

-- name: funnel
SELECT state, count(*) AS orders FROM orders.orders WHERE state IS NOT NULL GROUP BY state

-- name: unshipped
-- Every fifteen seconds: by the index on states, without the orders that are over, of which there are more each day.
SELECT state, count(*) AS orders FROM orders.orders
WHERE state IN ('awaiting_payment', 'awaiting_review', 'awaiting_print', 'preparing') GROUP BY state

-- name: unpaid
SELECT key FROM orders.orders WHERE unpaid_since < $1 ORDER BY unpaid_since LIMIT $2

-- name: overdue
SELECT count(*) FROM orders.orders
WHERE state IN ('awaiting_review', 'awaiting_print', 'preparing') AND paid_at < $1
