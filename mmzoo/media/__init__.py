"""Sounds and pictures as arrays: what stands for one, and how files of them are read and written.

Everything that reads or writes a sound or a picture goes through here: `Audio`, `Image`, the inputs of models, dataset
rows, masks and commands. Nothing here imports torch.
"""
