"""Text-to-image and picture editing for mmzoo."""
