"""The only modules that talk to AWS or a database. `vectors` is apart: it needs Lance, which a Lambda does not carry."""

from dataclasses import dataclass

from core.settings import Settings
from core.stores.aws import client
from core.stores.blobs import Blobs
from core.stores.queues import Queues
from core.stores.records import Records
from core.stores.secrets import Secrets, secrets_of


@dataclass(frozen=True, slots=True)
class Stores:
    """All that the rules in `core` need, opened once per process and passed in."""

    settings: Settings
    records: Records
    blobs: Blobs
    queues: Queues

    @property
    def secrets(self) -> Secrets:
        """What seals and opens secrets."""
        return secrets_of(self.settings)

    @classmethod
    def open(cls, settings: Settings) -> "Stores":
        """Clients for `settings`; nothing is asked of AWS yet."""
        return cls(
            settings,
            Records(client("dynamodb", settings), settings.table_name),
            Blobs(client("s3", settings)),
            Queues(client("sqs", settings)),
        )
