"""The only door to DuckDB: connections, the store, and the versions that readers open."""
