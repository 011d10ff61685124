"""Exit codes by which a host says why it ended."""

OUT_OF_MEMORY = 86
"""Memory ran out where no batch could be blamed."""

BROKEN = 70
"""The host itself failed."""
