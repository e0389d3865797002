-- One row a sheet of somebody else's numbers that was compared with the book of its moment.
CREATE TABLE inventory.reconciliations (
    id text PRIMARY KEY,
    source text NOT NULL,
    at timestamptz NOT NULL,
    listed_only boolean NOT NULL,
    sheet_sha256 text NOT NULL,
    actor text NOT NULL,
    done_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE inventory.reconciled (
    reconciliation text NOT NULL REFERENCES inventory.reconciliations (id),
    source text NOT NULL,
    warehouse text NOT NULL,
    day date NOT NULL,
    rows int NOT NULL,
    book_pieces bigint NOT NULL,
    differing_rows int NOT NULL,
    difference_pieces bigint NOT NULL,
    difference_ppm bigint NOT NULL,
    rule text NOT NULL,
    PRIMARY KEY (reconciliation, warehouse)
);
CREATE INDEX reconciled_by_day ON inventory.reconciled (source, warehouse, day);

-- Closed only by documents whose ledger entries come to the difference.
CREATE TABLE inventory.differences (
    reconciliation text NOT NULL REFERENCES inventory.reconciliations (id),
    warehouse text NOT NULL,
    sku text NOT NULL,
    book bigint NOT NULL,
    outside bigint NOT NULL,
    hint text NOT NULL,
    oversold boolean NOT NULL,
    documents text[] NOT NULL DEFAULT '{}',
    closed_by text NOT NULL DEFAULT '',
    closed_at timestamptz,
    PRIMARY KEY (reconciliation, warehouse, sku)
);

CREATE TABLE inventory.tasks (
    id text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('difference', 'count', 'limit_sales')),
    source text NOT NULL,
    warehouse text NOT NULL,
    day date NOT NULL,
    reconciliation text NOT NULL REFERENCES inventory.reconciliations (id),
    reason text NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_at timestamptz,
    closed_by text NOT NULL DEFAULT '',
    closed_why text NOT NULL DEFAULT ''
);
CREATE INDEX tasks_open ON inventory.tasks (opened_at) WHERE closed_at IS NULL;
