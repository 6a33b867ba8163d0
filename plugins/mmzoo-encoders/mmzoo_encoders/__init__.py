"""Modality encoders for mmzoo: phones and text, log-mel speech."""
