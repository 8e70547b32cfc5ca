"""The command `ldae`."""
