"""All measurements, one after the other: `make bench`."""

from benchmarks import api, cold_import, host, listing, local, scanner

if __name__ == "__main__":
    cold_import.main()
    api.main()
    listing.main()
    host.main()
    local.main()
    scanner.main()
