"""One module per CSV in results/tables."""
