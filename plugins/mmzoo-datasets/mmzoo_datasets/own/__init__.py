"""Datasets of the user's own: folders of pictures or sounds, tables, and datasets of the Hub."""
