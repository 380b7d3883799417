"""The states a tunnel passes through, as values that are pushed to whoever watches it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mix_protocol.errors import MixError


class Phase(StrEnum):
    """The tunnel's phase, in the reference client's words."""

    CONNECTING = "connecting"
    READY = "ready"
    SHUTTING_DOWN = "shutting_down"
    SHUTDOWN = "shutdown"
    FAILED = "failed"


class Step(StrEnum):
    """One step of connecting; `text` is what a person reads while it lasts."""

    FETCHING_DIRECTORY = "fetching_directory"
    CHOOSING_GATEWAY = "choosing_gateway"
    CONNECTING_GATEWAY = "connecting_gateway"
    REGISTERING = "registering"
    ASKING_EXIT = "asking_exit"
    READY = "ready"

    @property
    def text(self) -> str:
        """Human-readable words for the step."""
        return _STEP_TEXTS[self]


_STEP_TEXTS = {
    Step.FETCHING_DIRECTORY: "fetching the directory",
    Step.CHOOSING_GATEWAY: "choosing an entry gateway",
    Step.CONNECTING_GATEWAY: "connecting to the entry gateway",
    Step.REGISTERING: "registering with the entry gateway",
    Step.ASKING_EXIT: "asking the exit for an address",
    Step.READY: "ready",
}


@dataclass(frozen=True, slots=True)
class StepTaken:
    """A step of connecting that is over, how long it took in milliseconds, and why it led nowhere if it did."""

    step: Step
    elapsed_ms: float
    error: MixError | None = None


@dataclass(frozen=True, slots=True)
class TunnelState:
    """Where a tunnel stands."""

    phase: Phase
    step: str = ""
    """Human-readable words for what is going on; empty before the first set-up."""
    reason: MixError | None = None
    """Why the tunnel failed, or why it is connecting again."""
    elapsed_ms: float = 0.0
    """Milliseconds since this connecting began."""
    steps: tuple[StepTaken, ...] = ()
    """The steps of this connecting that are over, in order; of very many the last ones."""
    warnings: tuple[MixError, ...] = ()
    """What is not as it should be though the tunnel works, such as an identity that could not be kept."""
    directory_signatures: int = 0
    """How many of the directories in `directory_keys` vouch for the nodes; 0 where one lists them, unsigned."""
