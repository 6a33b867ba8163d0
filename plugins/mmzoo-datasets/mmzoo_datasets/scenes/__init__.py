"""A small synthetic world of scenes that are drawn, described and read back by rule."""
