-- What is set aside for open campaigns, by row of stock. Written under the lock of the row, which is counted (0090); what
-- of it nobody has had yet is among the row's `kept`.
CREATE TABLE inventory.campaign_lines (
    warehouse text NOT NULL,
    sku text NOT NULL,
    campaign text NOT NULL,
    pieces bigint NOT NULL CHECK (pieces >= 0),
    channels text[] NOT NULL,
    begins_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    running boolean NOT NULL,              -- its channels may have them
    exclusive boolean NOT NULL,            -- and nothing else of the row
    PRIMARY KEY (sku, warehouse, campaign)
);

-- What each channel holds of it, and has sent out (net of returns). It is counted here and not in inventory.channel_uses
-- until the campaign ends.
CREATE TABLE inventory.campaign_uses (
    warehouse text NOT NULL,
    sku text NOT NULL,
    campaign text NOT NULL,
    channel text NOT NULL,
    held bigint NOT NULL CHECK (held >= 0),
    sent bigint NOT NULL,
    PRIMARY KEY (sku, warehouse, campaign, channel),
    FOREIGN KEY (sku, warehouse, campaign) REFERENCES inventory.campaign_lines ON DELETE CASCADE
) WITH (fillfactor = 50);

-- Campaigns among the documents: the open ones are looked at each second.
CREATE INDEX reservations_campaigns ON inventory.reservations (state, key)
    WHERE state IN ('set_aside', 'running', 'ended');
