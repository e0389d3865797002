-- The consumer transaction: offsets, outbox, parked events, dead letters, commands.

-- Postgres' offsets are the truth. `next` is compared and swapped inside the transaction of every batch.
CREATE TABLE chassis.consumer_offsets (
    processor text NOT NULL,
    topic text NOT NULL,
    partition int NOT NULL,
    next bigint NOT NULL,
    PRIMARY KEY (processor, topic, partition)
) WITH (fillfactor = 50);

-- One row a batch: `records` is msgpack of (topic domain, key, value, headers) in order of emission.
CREATE TABLE chassis.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    processor text NOT NULL,
    records bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz
);
-- pglz would cost more CPU than the bytes are worth.
ALTER TABLE chassis.outbox ALTER COLUMN records SET STORAGE EXTERNAL;
CREATE INDEX outbox_unpublished ON chassis.outbox (processor, id) WHERE published_at IS NULL;

-- Events that came before their predecessor.
CREATE TABLE chassis.parked (
    processor text NOT NULL,
    source text NOT NULL,
    key text NOT NULL,
    version bigint NOT NULL,
    value bytea NOT NULL,
    position text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (processor, source, key, version)
);

CREATE TABLE chassis.dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    processor text NOT NULL,
    topic text NOT NULL,
    partition int NOT NULL,
    "offset" bigint NOT NULL,
    key bytea,
    value bytea,
    headers bytea NOT NULL,
    code text NOT NULL,
    dead_at timestamptz NOT NULL DEFAULT now(),
    redriven_at timestamptz,
    UNIQUE (processor, topic, partition, "offset")
);

-- Commands that have their result: the same id again gets the same answer.
CREATE TABLE chassis.commands_settled (
    processor text NOT NULL,
    command_id text NOT NULL,
    outcome text NOT NULL,
    reason text NOT NULL,
    result_id text NOT NULL,
    settled_at timestamptz NOT NULL,
    PRIMARY KEY (processor, command_id)
);

-- Wrapped data keys of personal blocks. Deleting a row erases the person everywhere.
CREATE TABLE chassis.personal_keys (
    order_id text PRIMARY KEY,
    wrapped_key bytea NOT NULL
);
