"""Evaluation: reconstruction, linear probes, their uncertainty, and the phantom's truth."""
