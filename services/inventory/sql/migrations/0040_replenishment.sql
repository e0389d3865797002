-- What is on its way: purchase orders and transfers. The key alone, so that updates of holds stay in their page.
CREATE INDEX reservations_on_the_way ON inventory.reservations (key)
    WHERE state IN ('open', 'partly_received', 'in_transit');

-- On what terms a SKU is bought; '' is every warehouse that has no row of its own. NULL leaves it to the decision table.
CREATE TABLE inventory.supply (
    sku text NOT NULL,
    warehouse text NOT NULL,
    supplier text NOT NULL,
    lead_time_days int,
    lead_time_sd_days int,
    review_days int,
    service_level_permille int,
    over_receipt_percent int,
    order_pieces_min int NOT NULL CHECK (order_pieces_min >= 1),
    pack_pieces int NOT NULL CHECK (pack_pieces >= 1),
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (sku, warehouse)
);

-- When to order a SKU for a warehouse, by what was known on that day, and what was last told of it.
CREATE TABLE inventory.replenishment (
    warehouse text NOT NULL,
    sku text NOT NULL,
    plan json NOT NULL,
    planned_at timestamptz NOT NULL,
    planned_on date,
    safety_stock bigint NOT NULL,
    reorder_point bigint NOT NULL,
    suggested bigint NOT NULL,
    below_safety boolean NOT NULL DEFAULT false,
    version bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (warehouse, sku)
);
COMMENT ON COLUMN inventory.replenishment.planned_on IS 'the day it is of, in Shanghai; NULL = to be planned anew';
COMMENT ON COLUMN inventory.replenishment.version IS 'events told of this row';
