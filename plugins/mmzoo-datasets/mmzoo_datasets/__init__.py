"""Dataset builders and adapters for mmzoo."""
