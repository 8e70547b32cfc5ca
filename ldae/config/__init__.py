"""The configuration: typed sections, loading, schema."""
