"""Quantizers and VQ-VAEs for mmzoo."""
