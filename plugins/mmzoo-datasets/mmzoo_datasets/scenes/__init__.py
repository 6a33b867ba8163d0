"""A small world of drawn scenes that can be told, spoken, drawn and read back without learning."""
