"""Measurements of scans: one row per scan, or arrays."""
