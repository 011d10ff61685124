"""The batch engine against what a user would write or use instead: a two-process loop, Daft, Ray Data, Dask."""
