"""How a connection between a client and its entry gateway can fail. The other side's own words are in `detail`."""

from __future__ import annotations

from mix_protocol.errors import Closed, NetworkFailure, PeerIncompatible, PeerMisbehaved, UsageError

# -- either side


class MalformedFrame(PeerMisbehaved):
    """A frame that is no message of the gateway protocol."""

    code = "gateway.malformed_frame"
    message = "the other side sent something that is not of the gateway protocol; check the gateway's address"


class UnexpectedFrame(PeerMisbehaved):
    """A message that the protocol does not allow at this moment."""

    code = "gateway.unexpected_frame"
    message = "the other side sent a message out of turn"


# -- seen by a client


class IncompatibleGateway(PeerIncompatible):
    """The gateway speaks none of our protocol versions. Field `version` is the gateway's."""

    code = "gateway.incompatible_version"
    message = "the entry gateway speaks an unsupported protocol version; choose another gateway"


class InvalidGatewaySignature(PeerMisbehaved):
    """Whoever answered does not hold the identity key that the directory names for this gateway."""

    code = "gateway.invalid_signature"
    message = "the entry gateway could not prove its identity; choose another gateway or another directory"


class HandshakeRejected(NetworkFailure):
    """The gateway broke the registration off."""

    code = "gateway.handshake_rejected"
    message = "the entry gateway rejected the registration; try again or choose another gateway"


class AuthenticationRejected(NetworkFailure):
    """The gateway does not accept the stored key: register again."""

    code = "gateway.authentication_rejected"
    message = "the entry gateway did not accept this client; register again"


class GatewayTimedOut(NetworkFailure):
    """The gateway did not answer in time. Field `step` says what was waited for."""

    code = "gateway.timed_out"
    message = "the entry gateway did not answer in time; try again or choose another gateway"


class PaidBandwidthWanted(PeerIncompatible):
    """The gateway refuses the claim of free bandwidth, and forwards nothing without one."""

    code = "gateway.paid_bandwidth"
    message = "the entry gateway wants bandwidth to be paid for, which this client can't; choose another gateway"


class OutOfBandwidth(NetworkFailure):
    """The gateway has dropped a packet because the client's allowance is used up; a new one is being claimed."""

    code = "gateway.out_of_bandwidth"
    message = "the bandwidth allowance at the entry gateway is used up"


class GatewayComplained(NetworkFailure):
    """The gateway answered with an error that ends nothing."""

    code = "gateway.complained"
    message = "the entry gateway reported an error"


class NotAuthenticated(UsageError):
    """Packets can be sent only once the gateway has accepted this client."""

    code = "gateway.not_authenticated"
    message = "the entry gateway has not accepted this client yet; wait for it"


class GatewayConnectionClosed(Closed):
    """This connection has failed and is not used any more."""

    code = "gateway.closed"
    message = "the connection to the entry gateway is closed; open a new one"


# -- seen by a gateway


class UnsupportedClientVersion(PeerIncompatible):
    """The client asks for a protocol version that is not offered."""

    code = "gateway.unsupported_client_version"
    message = "the client's protocol version is not supported"


class TooManyRegistrations(NetworkFailure):
    """Too many clients have registered from where this one is."""

    code = "gateway.too_many_registrations"
    message = "too many clients have registered from this address; try again later"


class InvalidClientSignature(PeerMisbehaved):
    """The client does not hold the identity key that it names."""

    code = "gateway.invalid_client_signature"
    message = "the client's signature is not valid"


class UnknownClient(PeerMisbehaved):
    """The client never registered here, or holds another key."""

    code = "gateway.unknown_client"
    message = "the client is not registered with this key"


class StaleRequest(PeerMisbehaved):
    """The request's timestamp is too far from now, or not newer than the last one."""

    code = "gateway.stale_request"
    message = "the request's timestamp is out of range or was used before; check the clock"


class ClientTimedOut(NetworkFailure):
    """The client did not go on in time."""

    code = "gateway.client_timed_out"
    message = "the client did not go on in time"
