"""All measurements, one after the other: `make bench`."""

from benchmarks import platform

if __name__ == "__main__":
    platform.main()
