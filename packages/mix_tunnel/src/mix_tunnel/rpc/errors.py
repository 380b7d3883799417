"""What can go wrong between a caller and the worker, apart from the call's own errors."""

from __future__ import annotations

from mix_protocol.errors import Closed, MixError, NetworkFailure, PeerMisbehaved, UsageError


class MalformedRpcMessage(PeerMisbehaved):
    """A message is not one of the protocol's, or is too large."""

    code = "rpc.malformed"
    message = "the message between page and worker is malformed; are both of the same version?"


class CreditExceeded(PeerMisbehaved):
    """More bytes of a body were sent than the receiver had granted."""

    code = "rpc.credit_exceeded"
    message = "more bytes were sent than granted"


class UnknownMethod(UsageError):
    """The worker has no method of this name."""

    code = "rpc.unknown_method"
    message = "the worker has no such method"


class InvalidParameters(UsageError):
    """A call's parameters do not have the shape that its method wants."""

    code = "rpc.invalid_parameters"
    message = "the call's parameters are not valid"


class TooManyCalls(UsageError):
    """More calls are open at the same time than the worker allows."""

    code = "rpc.too_many_calls"
    message = "too many calls are open at the same time; wait for some of them"


class CallCancelled(Closed):
    """The caller cancelled the call, or the worker is shutting down."""

    code = "rpc.cancelled"
    message = "the call was cancelled"


class InternalFailure(MixError):
    """A fault of this software, not of the caller's nor of the network."""

    code = "rpc.internal"
    message = "an internal error happened in the worker; please report it with the console's log"


class WorkerFailed(NetworkFailure):
    """The page could not start the worker; raised by the page's side only."""

    code = "worker.failed"
    message = "the tunnel's worker could not be started; check that all its files are served"
