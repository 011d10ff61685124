"""The batch service as the local platform runs it: on the supervisor's word, until the supervisor is gone."""

import batch.lean  # noqa: F401  # before what imports pyarrow
from batch.service import main as serve_batches
from infra.local.lifeline import wait_for_start


def main() -> None:
    """Take jobs until told to stop."""
    wait_for_start()
    serve_batches()


if __name__ == "__main__":
    main()
