"""Building blocks that several plugins share; each file is one idea."""
