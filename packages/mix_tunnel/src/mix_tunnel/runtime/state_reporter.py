"""Keeps a tunnel's state and pushes every change of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from mix_protocol.errors import MixError
from mix_tunnel.state import Phase, Step, StepTaken, TunnelState

_LOG = logging.getLogger(__name__)

MAX_WARNINGS = 8
MAX_STEPS = 32
"""Steps that a state tells of: who tries to connect for hours takes thousands."""


class StateReporter:
    """The present state, and who wants to hear of the next one.

    now -- monotonic clock, in seconds
    on_state -- called with every new state; what it raises is logged and does no harm
    """

    def __init__(self, now: Callable[[], float], on_state: Callable[[TunnelState], None] | None) -> None:
        self._now = now
        self._on_state = on_state
        self._began_at = now()
        self._step: Step | None = None
        self._step_began_at = self._began_at
        self._steps: tuple[StepTaken, ...] = ()
        self._warnings: tuple[MixError, ...] = ()
        self._signatures = 0
        self.state = TunnelState(Phase.CONNECTING)

    @property
    def step(self) -> Step | None:
        """The step of connecting that is going on."""
        return self._step

    def begin(self, reason: MixError | None = None) -> None:
        """Start to connect, for the first time or (with a reason) again."""
        self._began_at = self._now()
        self._step, self._steps = None, ()
        if reason is not None:
            self._push(Phase.CONNECTING, "connecting again", reason)

    def enter(self, step: Step) -> None:
        """Go to another step of connecting; the one before has succeeded, unless `step_failed` said otherwise."""
        self._finish_step()
        self._step, self._step_began_at = step, self._now()
        self._push(Phase.CONNECTING, step.text, self.state.reason)

    def step_failed(self, error: MixError) -> None:
        """The present step led nowhere."""
        self._finish_step(error)

    def wait(self) -> None:
        """There is a pause before the next step."""
        self._push(Phase.CONNECTING, "waiting to try again", self.state.reason)

    def warn(self, warning: MixError) -> None:
        """Tell what is not as it should be, though the tunnel works."""
        self._warnings = (*self._warnings, warning)[-MAX_WARNINGS:]
        self.state = replace(self.state, warnings=self._warnings)
        self._tell()

    def vouched(self, signatures: int) -> None:
        """So many trusted directories vouch for the nodes; 0 where one alone lists them, unsigned."""
        if signatures:
            _LOG.info("%s trusted directories vouch for the nodes", signatures)
        else:
            _LOG.info("the nodes are those of one directory alone, which nobody else vouches for")
        self._signatures = signatures
        self.state = replace(self.state, directory_signatures=signatures)

    def ready(self) -> None:
        """Connecting is over."""
        self._finish_step()
        self._push(Phase.READY, Step.READY.text)

    def shutting_down(self) -> None:
        """The owner closes the tunnel."""
        self._push(Phase.SHUTTING_DOWN, "shutting down")

    def shutdown(self) -> None:
        """The tunnel is closed."""
        self._push(Phase.SHUTDOWN, "shut down")

    def failed(self, reason: MixError) -> None:
        """The tunnel can't go on."""
        self._finish_step(reason)
        self._push(Phase.FAILED, "failed", reason)

    def _finish_step(self, error: MixError | None = None) -> None:
        if self._step is not None:
            taken = StepTaken(self._step, (self._now() - self._step_began_at) * 1000.0, error)
            self._steps = (*self._steps, taken)[-MAX_STEPS:]
            self._step = None

    def _push(self, phase: Phase, step: str, reason: MixError | None = None) -> None:
        elapsed_ms = (self._now() - self._began_at) * 1000.0
        self.state = TunnelState(phase, step, reason, elapsed_ms, self._steps, self._warnings, self._signatures)
        _LOG.info("tunnel %s: %s", phase, step)
        self._tell()

    def _tell(self) -> None:
        if self._on_state is not None:
            try:
                self._on_state(self.state)
            except Exception:
                _LOG.exception("on_state raised")
