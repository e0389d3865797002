"""Sections of a SKU's page. A file that is put here is shown."""
