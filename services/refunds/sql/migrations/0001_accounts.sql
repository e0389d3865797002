-- Accounts (the truth), cases (for desks and lists), payouts (the dispatcher's journal).
CREATE SCHEMA refunds;

-- One row an order. What cases hold can never exceed what was paid, whatever the program thinks.
CREATE TABLE refunds.accounts (
    key text PRIMARY KEY,
    document json NOT NULL,
    paid_fen bigint NOT NULL,
    held_fen bigint NOT NULL,
    CHECK (held_fen <= paid_fen)
) WITH (fillfactor = 70);

-- A copy of each case, written with its account in one transaction.
CREATE TABLE refunds.cases (
    order_id text NOT NULL,
    refund_id text NOT NULL,
    state text NOT NULL,
    kind text NOT NULL,
    tier text NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    freight_fen bigint NOT NULL,
    reason text NOT NULL,
    goods text NOT NULL,
    approvals_needed text[] NOT NULL,
    approvals_given text[] NOT NULL,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    end_reason text NOT NULL,
    PRIMARY KEY (order_id, refund_id)
) WITH (fillfactor = 70);
CREATE INDEX cases_by_state ON refunds.cases (state, requested_at);

-- One row a payout, from the moment it may go. `due_at` NULL: nothing to do by itself.
CREATE TABLE refunds.payouts (
    order_id text NOT NULL,
    refund_id text NOT NULL,
    trade_no text NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    reason text NOT NULL,
    stage text NOT NULL DEFAULT 'due',
    turn int NOT NULL DEFAULT 0,
    sends int NOT NULL DEFAULT 0,
    asks int NOT NULL DEFAULT 0,
    not_found int NOT NULL DEFAULT 0,
    declined text NOT NULL DEFAULT '',
    note text NOT NULL DEFAULT '',
    due_at timestamptz DEFAULT clock_timestamp(),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (order_id, refund_id)
) WITH (fillfactor = 70);
CREATE INDEX payouts_due ON refunds.payouts (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX payouts_for_people ON refunds.payouts (changed_at) WHERE stage = 'needs_person';
