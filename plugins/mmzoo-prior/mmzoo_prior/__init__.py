"""Priors over the codes of tokenizers for mmzoo."""
