"""The fabricated ADNI download with known anatomy."""
