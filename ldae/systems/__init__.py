"""Trained systems as objects."""
