"""Judges: what reads or hears what models make, and had no part in training any of them."""
