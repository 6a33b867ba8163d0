"""Where weights come from and go to: sources, downloads, publishing, and safetensors files."""
