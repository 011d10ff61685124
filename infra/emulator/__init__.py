"""The local AWS: MiniStack run as a child process, with the settings and repairs that OpenPeek needs of it."""

from infra.emulator.process import Emulator, EmulatorFailed
from infra.emulator.resources import provision

__all__ = ["Emulator", "EmulatorFailed", "provision"]
