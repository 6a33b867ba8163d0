"""Where weights come from and go to: sources, downloads, and the safetensors files themselves."""
