"""Pictures for mmzoo."""
