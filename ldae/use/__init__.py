"""A trained model put to use on scans of any kind."""
