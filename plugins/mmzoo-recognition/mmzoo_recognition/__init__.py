"""Recognition for mmzoo: labels from any of a picture, speech and text."""
