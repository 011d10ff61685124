"""All measurements, one after the other: `make bench`."""

from benchmarks import host, platform

if __name__ == "__main__":
    host.main()
    platform.main()
