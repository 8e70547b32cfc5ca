"""One module an engine, each with `extract` (volume to mask) and `record` (what made the mask)."""
