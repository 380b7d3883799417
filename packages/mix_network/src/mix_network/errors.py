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


class HomeInUse(UsageError):
    """Another program works in this folder. Field `home`."""

    code = "network.home_in_use"
    message = "another process runs with this home; stop it, or choose another home"


class HomeUnusable(UsageError):
    """A folder that is to hold a program's keys and state can't. Fields `home`, `why`."""

    code = "network.home_unusable"
    message = "the home can't be used; it must be a folder that this user may write to"


class NotInitialised(UsageError):
    """There is nothing in this folder yet. Field `home`."""

    code = "network.not_initialised"
    message = "there is no configuration in this home; run init first"


class AlreadyInitialised(UsageError):
    """There is something in this folder already, and nothing is written over. Field `home`."""

    code = "network.already_initialised"
    message = "this home has a configuration already, which is never overwritten; edit it, or choose another home"


class TracingUnavailable(UsageError):
    """The packages that make traces are not installed. Field `missing`."""

    code = "network.tracing_unavailable"
    message = "traces need packages that are not installed: install mix_network with its extra, mix_network[trace]"


class KeyUnusable(UsageError):
    """A key's file can't be used. Fields `name`, `why`."""

    code = "network.key_unusable"
    message = "a key's file can't be used"


class InvalidConfiguration(UsageError):
    """A configuration says what can't be. Fields `line` (0 if it is missing), `key`."""

    code = "network.invalid_configuration"
    message = "the configuration is not valid"


class StateUnusable(UsageError):
    """The file with a program's state can't be read. Fields `name`, `why`."""

    code = "network.state_unusable"
    message = "the state can't be read: it is damaged, or no state of this program; restore a copy or move it away"


class StateTooNew(UsageError):
    """The state was written by a newer version of this program. Fields `version`, `known`."""

    code = "network.state_too_new"
    message = "the state was written by a newer version of this program; install that one again"


class DirectoryUnreachable(NetworkFailure):
    """No directory has answered as it should. Field `why`."""

    code = "network.directory_unreachable"
    message = "no directory answers as it should; see that it runs and that its address is right"


class RegistrationRefused(UsageError):
    """A directory does not take this node. Fields `status`, `why`."""

    code = "network.registration_refused"
    message = "the directory does not take this node"


class NodeUnanswered(NetworkFailure):
    """A node has not told a directory what it must. Field `what` has the path that was asked."""

    code = "network.node_unanswered"
    message = "the node does not answer; see that its HTTP port can be reached from the directory"
