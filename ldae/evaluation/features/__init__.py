"""What a probe is given: one row of numbers per scan."""
