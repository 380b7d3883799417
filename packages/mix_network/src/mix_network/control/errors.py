"""What can keep a command from a running network."""

from __future__ import annotations

from mix_protocol.errors import NetworkFailure, UsageError


class NetworkNotRunning(UsageError):
    """There is no running network to command, or more than one."""

    code = "network.not_running"
    message = "no network of that name runs"


class NameTaken(UsageError):
    """Another running network has the name."""

    code = "network.name_taken"
    message = "a network of that name runs already; choose another one with --name"


class ControlUnavailable(NetworkFailure):
    """Commands can't be taken, for the socket that takes them can't be made."""

    code = "network.control_unavailable"
    message = "the control socket can't be made"


class CommandFailed(UsageError):
    """A running network has not done what a command asks. Field `cause`, the code of the network's error."""

    code = "network.command_failed"
    message = "the network has not done that"
