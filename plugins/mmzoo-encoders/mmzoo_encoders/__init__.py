"""Encoders of text, speech and pictures for mmzoo, and fusions of what they give."""
