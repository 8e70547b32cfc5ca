"""Any BIDS dataset as a cohort."""
