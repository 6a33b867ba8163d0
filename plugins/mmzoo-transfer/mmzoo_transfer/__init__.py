"""Transfer between modalities for mmzoo: speech to pictures, pictures to speech."""
