-- Which orders have a parcel that their channel has not taken: of these it matters that a buyer's request is over.
ALTER TABLE ingest.write_backs ADD COLUMN parcels_untaken boolean NOT NULL DEFAULT false;
UPDATE ingest.write_backs SET parcels_untaken = true
WHERE EXISTS (
    SELECT FROM json_array_elements(document -> 'state' -> 'told') AS told
    WHERE told ->> 'kind' IN ('shipment', 'waybill') AND coalesce(told ->> 'outcome', 'due') <> 'applied'
);
CREATE INDEX write_backs_untaken ON ingest.write_backs (key) WHERE parcels_untaken;
CREATE INDEX aftersales_by_order ON ingest.aftersales (channel, shop, channel_order_no);
