-- Who let a processor go on behind records that Kafka had deleted before they were read, and why.
CREATE TABLE chassis.offset_skips (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    processor text NOT NULL,
    topic text NOT NULL,
    partition int NOT NULL,
    stood_at bigint NOT NULL,
    goes_on_at bigint NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    skipped_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (stood_at < goes_on_at)
);
