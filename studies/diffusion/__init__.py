"""Studies of recognition by diffusion: classes by denoising errors, and masks from hidden states."""
