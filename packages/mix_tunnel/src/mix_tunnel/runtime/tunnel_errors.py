"""How a tunnel can fail beyond what its parts already say."""

from __future__ import annotations

from mix_protocol.errors import Closed, NetworkFailure, UsageError


class SetupTimedOut(NetworkFailure):
    """The tunnel was not ready in time. Field `step` says what it was waiting for."""

    code = "tunnel.setup_timed_out"
    message = "the tunnel could not be set up in time; check the network or allow more time with {connect_timeout_ms}"


class GatewayConnectionLost(NetworkFailure):
    """The connection to the entry gateway broke."""

    code = "tunnel.gateway_lost"
    message = "the connection to the entry gateway was lost"


class GatewaySilent(NetworkFailure):
    """The connection to the entry gateway looks alive, but nothing has come from it for long."""

    code = "tunnel.gateway_silent"
    message = "the entry gateway does not answer any more"


class MixnetSilent(NetworkFailure):
    """The entry gateway answers, but no packet comes back through the mixnet."""

    code = "tunnel.mixnet_silent"
    message = "no packet comes back through the mixnet; another entry gateway may help"


class ExitChanged(NetworkFailure):
    """The tunnel has left its exit, or the exit has forgotten it: what was open at the old address is gone."""

    code = "tunnel.exit_changed"
    message = "the tunnel's address on the Internet has changed, which ended this connection; open it again"


class PinnedGatewayMissing(UsageError):
    """The chosen entry gateway is not among those that can be used."""

    code = "tunnel.gateway_not_listed"
    message = "{preferred_gateway} is not among the directory's usable entry gateways; leave it out to have one chosen"


class PinnedExitUnreachable(UsageError):
    """The chosen exit's gateway is not part of the network."""

    code = "tunnel.exit_not_listed"
    message = "{preferred_ipr} lives at a gateway that the directory does not list; leave it out to have one chosen"


class ExitPolicyDenied(NetworkFailure):
    """The exit's policy forbids the destination."""

    code = "tunnel.exit_policy_denied"
    retryable = False
    message = "the exit gateway's policy forbids this destination; another exit may allow it"


class TunnelNotReady(NetworkFailure):
    """The tunnel is connecting again and was not ready in time."""

    code = "tunnel.not_ready"
    message = "the tunnel is not connected at the moment; try again when its state is ready"


class TunnelClosed(Closed):
    """The tunnel has been closed by its owner."""

    code = "tunnel.closed"
    message = "the tunnel has been closed; set a new one up"


class TunnelCrashed(NetworkFailure):
    """A bug: the tunnel stopped because of an exception that nobody expected. Field `cause` is its class."""

    code = "tunnel.crashed"
    retryable = False
    message = "the tunnel stopped because of an error in this software; please report it"
