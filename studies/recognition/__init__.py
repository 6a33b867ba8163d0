"""Studies with the recognition head: which parts, which remedies for rare classes, and what helps with few labels.

`python -m studies.recognition` fills the tables that `mmzoo evaluate vqvae-dit-recognition --tables` prints.
"""
