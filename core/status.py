"""States of everything asynchronous, spelled as the official client knows them."""

from enum import StrEnum


class TaskStatus(StrEnum):
    """State of a batch, a task or an upload. What waits in a queue is PENDING: the client has no QUEUED here."""

    DRAFT = "DRAFT"
    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    COMPLETED_WITH_ERRORS = "COMPLETED_WITH_ERRORS"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    ACTIVE = "ACTIVE"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self in ENDED


ENDED = {TaskStatus.COMPLETED, TaskStatus.COMPLETED_WITH_ERRORS, TaskStatus.FAILED, TaskStatus.CANCELED}


class DeploymentStatus(StrEnum):
    """State of a plugin's realtime deployment."""

    QUEUED = "QUEUED"
    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    DEPLOYED = "DEPLOYED"
    FAILED = "FAILED"
    NOT_DEPLOYED = "NOT_DEPLOYED"
