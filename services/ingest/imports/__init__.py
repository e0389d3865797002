"""Orders out of a back office's export, for the hours in which a channel does not answer.

A spreadsheet (`sheets`) is read by a preset (`presets`) into documents of one order each (`rows`, `document`).
They go the way of any payload: sealed evidence on the payload topic, then the normaliser, which reads them by
`reader`. `door` takes them in batches.
"""
