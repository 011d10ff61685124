"""All measurements, one after the other: `make bench`."""

from benchmarks import host, local

if __name__ == "__main__":
    host.main()
    local.main()
