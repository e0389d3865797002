-- Waybills beside the one on the card: of an order's other parcels, and those that were replaced. Any of them finds the order.
-- Those that came before this table are not among them: to take them out of the timeline all of it would be read at the start.
CREATE TABLE console.waybills (
    order_id text NOT NULL,
    waybill_no text NOT NULL
);
CREATE INDEX waybills_no ON console.waybills (waybill_no);
