"""Judges: independent recognizers that read or transcribe what models generate."""
