"""Charts of released tables, as plain specs with a table twin; nothing here computes a result."""
