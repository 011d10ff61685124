"""What needs an NVIDIA GPU; everything here skips without one."""
