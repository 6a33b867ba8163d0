"""Encoders of text, speech and pictures for mmzoo, and fusions of their latents."""
