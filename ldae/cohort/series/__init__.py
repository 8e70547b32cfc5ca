"""One image file or series: what it is, and where its axes point."""
