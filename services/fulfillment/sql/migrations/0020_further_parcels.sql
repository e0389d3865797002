-- The second and later parcels of orders that several warehouses send, as the queues see them. What is true of them
-- stands in the document of the order's first parcel and is written in the same transaction.
CREATE TABLE fulfillment.further_parcels (
    parcel_id text PRIMARY KEY,
    order_id text NOT NULL,
    document json NOT NULL,
    stage text NOT NULL,
    warehouse text NOT NULL,
    carrier text NOT NULL,
    waybill_no text NOT NULL,
    ship_by timestamptz,
    held boolean NOT NULL,
    dispatch_due_at timestamptz
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX further_parcels_waybill ON fulfillment.further_parcels (waybill_no) WHERE waybill_no <> '';
CREATE INDEX further_parcels_open ON fulfillment.further_parcels (stage, ship_by)
    WHERE stage IN ('planned', 'waybill_refused', 'labelled', 'picked', 'packed');
CREATE INDEX further_parcels_dispatch ON fulfillment.further_parcels (ship_by) WHERE dispatch_due_at IS NOT NULL;

-- `called_as`: what waybill calls are noted under.
CREATE VIEW fulfillment.every_parcel AS
SELECT key AS order_id, key || '-1' AS parcel_id, key AS called_as, document, stage, waybill_no, ship_by, dispatch_due_at
FROM fulfillment.parcels
UNION ALL
SELECT order_id, parcel_id, parcel_id, document, stage, waybill_no, ship_by, dispatch_due_at
FROM fulfillment.further_parcels;
