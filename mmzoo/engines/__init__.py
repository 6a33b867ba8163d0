"""Models as graphs that run without PyTorch: writing, loading and comparing them."""
