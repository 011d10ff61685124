"""The plugin of `benchmarks.gpu`: decode on the CPU, encode on the GPU."""
