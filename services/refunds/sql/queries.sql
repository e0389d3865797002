-- name: keep_cases
-- The newest form of each case; one row a case and batch.
INSERT INTO refunds.cases (
    order_id, refund_id, state, kind, tier, amount_fen, freight_fen, reason, goods,
    approvals_needed, approvals_given, requested_by, requested_at, changed_at, end_reason, resumptions, goods_check, heard_there, currency)
SELECT given.order_id, given.refund_id, given.state, given.kind, given.tier, given.amount_fen,
    given.freight_fen, given.reason, given.goods,
    string_to_array(given.approvals_needed, ','), string_to_array(given.approvals_given, ','),
    given.requested_by, given.requested_at, given.changed_at, given.end_reason, given.resumptions::json,
    given.goods_check::json, given.heard_there::json, given.currency
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
    $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::timestamptz[],
    $14::timestamptz[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[]) AS given (
    order_id, refund_id, state, kind, tier, amount_fen, freight_fen, reason, goods,
    approvals_needed, approvals_given, requested_by, requested_at, changed_at, end_reason, resumptions, goods_check, heard_there,
    currency)
ON CONFLICT (order_id, refund_id) DO UPDATE SET
    state = excluded.state, amount_fen = excluded.amount_fen, freight_fen = excluded.freight_fen, goods = excluded.goods, approvals_given = excluded.approvals_given,
    changed_at = excluded.changed_at, end_reason = excluded.end_reason, resumptions = excluded.resumptions,
    goods_check = excluded.goods_check, heard_there = excluded.heard_there

-- name: keep_doubts
-- The newest form of each refund whose money may have gone twice.
INSERT INTO refunds.double_refunds (
    order_id, refund_id, reason, amount_fen, there_fen, ours_fen, beyond_fen, refund_no, actor, suspected_at, standing,
    resolutions, currency)
SELECT given.order_id, given.refund_id, given.reason, given.amount_fen, given.there_fen, given.ours_fen, given.beyond_fen,
    given.refund_no, given.actor, given.suspected_at, given.standing, given.resolutions::json,
    given.currency
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[],
    $9::text[], $10::timestamptz[], $11::bool[], $12::text[], $13::text[]) AS given (
    order_id, refund_id, reason, amount_fen, there_fen, ours_fen, beyond_fen, refund_no, actor, suspected_at, standing,
    resolutions, currency)
ON CONFLICT (order_id, refund_id) DO UPDATE SET
    reason = excluded.reason, amount_fen = excluded.amount_fen, there_fen = excluded.there_fen,
    ours_fen = excluded.ours_fen, beyond_fen = excluded.beyond_fen, refund_no = excluded.refund_no, actor = excluded.actor,
    suspected_at = excluded.suspected_at, standing = excluded.standing, resolutions = excluded.resolutions

-- name: open_payouts
-- A payout is opened once, whatever happens to its case later.
INSERT INTO refunds.payouts (order_id, refund_id, trade_no, amount_fen, reason, currency)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[])
ON CONFLICT DO NOTHING

-- name: close_payouts
UPDATE refunds.payouts AS payout
SET stage = 'done', due_at = NULL, turn = turn + 1, changed_at = clock_timestamp()
FROM unnest($1::text[], $2::text[]) AS ended (order_id, refund_id)
WHERE payout.order_id = ended.order_id AND payout.refund_id = ended.refund_id

-- name: take_payouts
-- Takes up to $1 due payouts for $2 seconds. What is to be sent becomes `sending` and committed before it is
-- sent; what is found in `sending` was left there by someone who died, so its outcome is not known. What needs a
-- person is due until that was told, and stays as old as it is. What would be sent although its channel has paid by now
-- is not: what never left is over, what did is asked about. What is in none of the currencies $3 is not sent, either: it
-- needs a person.
UPDATE refunds.payouts AS payout
SET stage = CASE payout.stage
        WHEN 'due' THEN CASE WHEN due.sendable THEN 'sending' WHEN NOT payout.paid_there THEN 'needs_person'
            WHEN payout.sends = 0 THEN 'refused' ELSE 'unknown' END
        WHEN 'sending' THEN 'unknown' ELSE payout.stage END,
    sends = payout.sends + CASE WHEN payout.stage = 'due' AND due.sendable THEN 1 ELSE 0 END,
    gave_up = CASE WHEN payout.stage = 'due' AND NOT due.sendable AND NOT payout.paid_there
        THEN 'currency_not_taken' ELSE payout.gave_up END,
    turn = payout.turn + 1,
    due_at = clock_timestamp() + make_interval(secs => $2),
    changed_at = CASE payout.stage WHEN 'needs_person' THEN payout.changed_at ELSE clock_timestamp() END
FROM (
    SELECT order_id, refund_id, NOT paid_there AND currency = ANY($3::text[]) AS sendable FROM refunds.payouts
    WHERE due_at <= clock_timestamp()
    ORDER BY due_at LIMIT $1
    FOR UPDATE SKIP LOCKED
) AS due
WHERE payout.order_id = due.order_id AND payout.refund_id = due.refund_id
RETURNING payout.order_id, payout.refund_id, payout.trade_no, payout.amount_fen, payout.reason,
    payout.stage, payout.turn, payout.sends, payout.asks, payout.not_found, payout.underway, payout.declined,
    payout.note, payout.paid_there, payout.currency,
    coalesce((SELECT paid_fen FROM refunds.accounts WHERE key = payout.order_id), 0) AS paid_fen

-- name: write_answer
-- Only the taker of the newest turn writes.
UPDATE refunds.payouts
SET stage = $4, asks = $5, not_found = $6, underway = $7, declined = $8, note = $9,
    gave_up = $10, due_at = clock_timestamp() + make_interval(secs => $11), changed_at = clock_timestamp()
WHERE order_id = $1 AND refund_id = $2 AND turn = $3

-- name: hurry_payout
-- The gateway has news of it. Only rows that are due some day are looked through: they have an index.
UPDATE refunds.payouts
SET due_at = clock_timestamp(), changed_at = clock_timestamp()
WHERE refund_id = $1 AND stage = 'unknown' AND due_at IS NOT NULL

-- name: payouts_asked_about
-- Locked: what is decided on a stage holds until the decision stands.
SELECT payout.order_id, payout.refund_id, payout.stage, payout.note, payout.gave_up, payout.sends, payout.asks,
    payout.underway, payout.changed_at
FROM refunds.payouts AS payout
JOIN (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS given (order_id, refund_id)) AS asked
    USING (order_id, refund_id)
FOR UPDATE OF payout

-- name: rest_payouts
-- It was told that a person is needed: nothing is due by itself any more.
UPDATE refunds.payouts AS payout
SET due_at = NULL
FROM unnest($1::text[], $2::text[]) AS told (order_id, refund_id)
WHERE payout.order_id = told.order_id AND payout.refund_id = told.refund_id AND payout.stage = 'needs_person'

-- name: resume_payouts
-- The gateway is asked once more, with fresh patience and the same number.
UPDATE refunds.payouts AS payout
SET stage = 'unknown', asks = 0, not_found = 0, underway = 0, sends = least(sends, 1), due_at = clock_timestamp(),
    changed_at = clock_timestamp()
FROM unnest($1::text[], $2::text[]) AS resumed (order_id, refund_id)
WHERE payout.order_id = resumed.order_id AND payout.refund_id = resumed.refund_id
    AND payout.stage = 'needs_person'

-- name: keep_from_sending
-- Its channel has paid: from now on it is only asked about.
UPDATE refunds.payouts AS payout
SET paid_there = true
FROM unnest($1::text[], $2::text[]) AS named (order_id, refund_id)
WHERE payout.order_id = named.order_id AND payout.refund_id = named.refund_id

-- name: waiting_for_people
SELECT (SELECT count(*) FROM refunds.payouts WHERE stage = 'needs_person') AS payouts,
    (SELECT count(*) FROM refunds.double_refunds WHERE standing) AS doubts

-- name: list_cases
SELECT listed.order_id, listed.refund_id, listed.state, listed.kind, listed.tier, listed.amount_fen,
    listed.freight_fen, listed.reason, listed.goods, listed.approvals_needed, listed.approvals_given,
    listed.requested_by, listed.requested_at, listed.changed_at, listed.end_reason,
    coalesce(payout.stage, '') AS payout_stage, coalesce(payout.sends, 0) AS payout_sends,
    coalesce(payout.note, '') AS payout_note, coalesce(payout.gave_up, '') AS payout_gave_up,
    CASE payout.stage WHEN 'needs_person' THEN payout.changed_at END AS payout_given_up_at, listed.resumptions,
    listed.goods_check, listed.heard_there, listed.currency
FROM refunds.cases AS listed LEFT JOIN refunds.payouts AS payout USING (order_id, refund_id)
WHERE ($1 = '' OR listed.state = $1 OR payout.stage = $1)
  AND ($2 = '' OR listed.order_id = $2) AND ($3 = '' OR listed.refund_id = $3)
ORDER BY listed.requested_at DESC LIMIT $4

-- name: list_doubts
SELECT order_id, refund_id, reason, amount_fen, there_fen, ours_fen, beyond_fen, refund_no, actor, suspected_at, standing,
    resolutions, currency
FROM refunds.double_refunds
WHERE ($1 = '' OR order_id = $1) AND ($2 = '' OR refund_id = $2) AND (standing OR NOT $3)
ORDER BY suspected_at DESC LIMIT $4

-- name: totals
SELECT count(*) AS requested,
    count(*) FILTER (WHERE state = 'settled') AS settled,
    count(*) FILTER (WHERE state NOT IN ('settled', 'failed', 'refused')) AS pending,
    count(*) FILTER (WHERE state = 'failed') AS failed,
    count(*) FILTER (WHERE state = 'refused') AS refused,
    (SELECT count(*) FROM refunds.payouts WHERE stage = 'needs_person') AS needs_person,
    (SELECT count(*) FROM refunds.double_refunds WHERE standing) AS double_refunds
FROM refunds.cases

-- name: totals_by_currency
-- Amounts of different currencies are never added up.
SELECT currency, sum(settled_fen)::bigint AS settled_fen, sum(beyond_fen)::bigint AS beyond_fen
FROM (
    SELECT currency, amount_fen AS settled_fen, 0 AS beyond_fen FROM refunds.cases WHERE state = 'settled'
    UNION ALL SELECT currency, 0, beyond_fen FROM refunds.double_refunds
) AS gone
GROUP BY currency ORDER BY currency
