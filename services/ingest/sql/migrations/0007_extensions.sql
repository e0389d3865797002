-- What only its channel tells of an order, for queries: the record of its channel, named in `type`, without anything
-- personal (domain/extensions.py). NULL: an import, or an order that was not told since it is kept.
ALTER TABLE ingest.orders
    ADD COLUMN extension jsonb,
    ADD CONSTRAINT orders_extension_of_its_channel CHECK (extension ->> 'type' = channel);
