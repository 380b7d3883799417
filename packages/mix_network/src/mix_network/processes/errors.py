"""What can keep a network of processes from starting."""

from __future__ import annotations

from mix_protocol.errors import NetworkFailure


class ProgramNotReady(NetworkFailure):
    """A program of the network has ended, or said nothing, before it worked. Fields `program`, and `why`: its last
    words."""

    code = "network.program_not_ready"
    message = "a program of the network has not started"


class NetworkIncomplete(NetworkFailure):
    """The directory has not drawn layers of all nodes in time."""

    code = "network.incomplete"
    message = "the network has not become complete in time; the machine may be very busy"
