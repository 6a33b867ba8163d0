"""Text to speech for mmzoo: text frontend, durations, TTS head."""
