"""Studies of the recognition head: its parts, remedies for rare classes, and learning from few labels.

`python -m studies.recognition` fills the tables that `mmzoo evaluate vqvae-dit-recognition --tables` prints.
"""
