"""What can keep a local network from starting."""

from __future__ import annotations

from mix_protocol.errors import NetworkFailure, UsageError


class PortUnavailable(NetworkFailure):
    """A port that was asked for can't be listened on. Field `port`."""

    code = "network.port_unavailable"
    message = "the port is in use or not allowed; choose another one, or 0 for a free one"


class InvalidNetworkOption(UsageError):
    """An option of the local network makes no sense."""

    code = "network.invalid_option"
    message = "an option of the local network is not valid"


class WorkersUnsupported(UsageError):
    """Worker processes share memory and hand connections over in ways that this system does not have."""

    code = "network.workers_unsupported"
    message = "worker processes need Linux; leave the option out"


class WorkersNotReady(NetworkFailure):
    """Worker processes have not got ready."""

    code = "network.workers_not_ready"
    message = "the worker processes have not started in time; what they say stands before this"


class UnknownNode(UsageError):
    """No node of the network is called that. Field `nodes` has the names that there are."""

    code = "network.unknown_node"
    message = "the network has no node of that name"


class FaultUnsupported(UsageError):
    """That can't happen to this node, or in this network."""

    code = "network.fault_unsupported"
    message = "that can't happen to this node"
