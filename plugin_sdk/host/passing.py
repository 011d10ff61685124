"""The two files through which tables of usual sizes go between a worker and its host, over and over.

The worker writes the one and the host can only read it; the other is the host's, and the worker copies what lies in it.
A larger table gets a file of its own each time.
"""

import os

import pyarrow as pa

from plugin_sdk.host.transport import mapped, shared_file, writable

INPUT_BYTES = 16 << 20
"""A table up to this size is copied by its host; of a larger one the values stay where they are.

A page of a new shared file costs several times what it takes to copy it into memory that a host has already.
"""

OUTPUT_BYTES = 16 << 20
"""A result up to this size comes back without another question."""


class Passing:
    """The worker's side."""

    def __init__(self) -> None:
        self.input_fd, self.output_fd = shared_file(INPUT_BYTES, "input"), shared_file(OUTPUT_BYTES, "output")
        self.input = pa.py_buffer(writable(self.input_fd, INPUT_BYTES, populate=False))

    def close(self) -> None:
        """Give the files back."""
        os.close(self.input_fd)
        os.close(self.output_fd)
        del self.input


class Passed:
    """The host's side; the descriptors are closed."""

    def __init__(self, input_fd: int, output_fd: int) -> None:
        self._input = mapped(input_fd, INPUT_BYTES, populate=False)
        self.output = pa.py_buffer(mapped(output_fd, OUTPUT_BYTES, write=True, populate=False))

    def taken(self, size: int) -> pa.Buffer:
        """A copy of the table that lies there: what a plugin keeps of it must not change with the next."""
        return pa.py_buffer(self._input[:size])


def own_file(fd: int, size: int, *, write: bool = False) -> pa.Buffer:
    """A file for one table alone, unmapped once nothing refers to it; the descriptor is closed."""
    return pa.py_buffer(mapped(fd, size, write=write))
