"""Bootstrap, scores, probes, Fréchet distance."""
