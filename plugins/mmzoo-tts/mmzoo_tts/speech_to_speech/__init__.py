"""Speech to speech: voice conversion and speech enhancement by one head."""
