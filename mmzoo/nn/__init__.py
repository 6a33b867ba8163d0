"""Building blocks that several plugins share."""
