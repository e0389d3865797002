-- Who saw what came back, when and on what grounds: a copy of what the account keeps.
ALTER TABLE refunds.cases ADD COLUMN goods_check json;
