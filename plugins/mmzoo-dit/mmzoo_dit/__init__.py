"""Diffusion transformers, paths and samplers for mmzoo."""
