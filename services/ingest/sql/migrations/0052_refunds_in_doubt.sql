-- `agreeing`: a call that tells the channel of our payment may have reached it, and its answer is not known. `doubt`: why what the
-- channel lists as paid back may not be our own word (`EndRefund`); '' where it is.
ALTER TABLE ingest.aftersales ADD COLUMN agreeing boolean NOT NULL DEFAULT false, ADD COLUMN doubt text NOT NULL DEFAULT '';
