-- Revisions become visible in their order: who reads up to one must never be overtaken by an earlier one of a transaction
-- that was still open. So whoever changes a row waits for whoever did before him.
CREATE OR REPLACE FUNCTION ingest.number_availability() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7266881);
    NEW.revision := nextval('ingest.availability_revisions');
    RETURN NEW;
END $$;
