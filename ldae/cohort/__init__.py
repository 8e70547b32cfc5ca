"""From a raw ADNI download to a BIDS dataset and the table of scans."""
