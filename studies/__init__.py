"""Experiments whose tables the model cards show: run from a checkout, never part of an installed package."""
