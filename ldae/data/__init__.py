"""What every stage reads: tables of scans, volumes, batches; the split, and the guard of its test subjects."""
