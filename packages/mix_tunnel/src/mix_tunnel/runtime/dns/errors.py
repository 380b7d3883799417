"""What can go wrong when a name is resolved; each cause is an error of its own."""

from __future__ import annotations

from mix_protocol.errors import MixError, NetworkFailure, PeerMisbehaved, UsageError


class BadName(UsageError):
    """The text can't be a host name; nothing was sent."""

    code = "dns.bad_name"
    message = "this can't be a host name; use letters, digits and hyphens, each part at most 63 long"


class NameNotFound(NetworkFailure):
    """NXDOMAIN: the name does not exist."""

    code = "dns.name_not_found"
    retryable = False
    message = "the host name does not exist; check its spelling"


class NoAddress(NetworkFailure):
    """The name exists, but has no record of the type asked for."""

    code = "dns.no_address"
    retryable = False
    message = "the host name exists, but has no IPv4 address"


class ServerFailed(NetworkFailure):
    """SERVFAIL, or another code that says the server could not find out."""

    code = "dns.server_failed"
    message = "the DNS server could not find the host name out; try again, or choose another DNS server"


class FormatNotUnderstood(ServerFailed):
    """FORMERR: the server may be too old for EDNS, and is asked once more without."""

    code = "dns.format_not_understood"


class QueryRefused(NetworkFailure):
    """REFUSED: the server does not answer us."""

    code = "dns.query_refused"
    message = "the DNS server refuses to answer; choose another DNS server"


class ResolvingTimedOut(NetworkFailure):
    """No server answered in time."""

    code = "dns.timed_out"
    message = "no DNS server answered in time; try again, or choose another DNS server"


class MalformedAnswer(PeerMisbehaved):
    """An answer can't be read, or contradicts itself."""

    code = "dns.malformed_answer"
    retryable = True
    message = "the DNS server's answer makes no sense; choose another DNS server"


_PRECEDENCE = (MalformedAnswer, ServerFailed, QueryRefused)


def most_telling(errors: list[MixError]) -> MixError:
    """Of the errors that several servers gave, the one that tells a person most; a time-out when there is none."""
    for cls in _PRECEDENCE:
        for error in errors:
            if isinstance(error, cls):
                return error
    return errors[0] if errors else ResolvingTimedOut()
