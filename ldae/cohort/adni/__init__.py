"""An ADNI download: tables, check, conversion."""
