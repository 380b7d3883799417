"""What can go wrong when a name is resolved; each cause is an error of its own."""

from __future__ import annotations

from collections.abc import Sequence

from mix_protocol.errors import MixError, NetworkFailure, PeerMisbehaved, UsageError


class BadName(UsageError):
    """The text can't be a name, or not that of a host; nothing was sent."""

    code = "dns.bad_name"
    message = "this can't be a host name; use letters, digits and hyphens, each part at most 63 long"


class BadAddress(UsageError):
    """The text can't be an IP address; nothing was sent."""

    code = "dns.bad_address"
    message = "this is not an IP address; write it as 192.0.2.1 or 2001:db8::1"


class BadRecordType(UsageError):
    """There is no such record type, or it can't be asked for; nothing was sent."""

    code = "dns.bad_record_type"
    message = "this record type can't be asked for"


class BadLookupOption(UsageError):
    """An option of a lookup has a wrong type or is out of its range; nothing was sent."""

    code = "dns.bad_option"
    message = "an option of the lookup is not valid"


class BadDnsServer(UsageError):
    """The text can't be the address of a DNS server."""

    code = "dns.bad_server"
    message = (
        "this is no DNS server; write it as 9.9.9.9, udp://IP, tcp://IP, tls://IP#NAME or https://NAME/dns-query#IP"
    )


class NameNotFound(NetworkFailure):
    """NXDOMAIN: the name does not exist."""

    code = "dns.name_not_found"
    retryable = False
    message = "the host name does not exist; check its spelling"


class NoData(NetworkFailure):
    """The name exists, but has no record of the type asked for."""

    code = "dns.no_data"
    retryable = False
    message = "the name exists, but has no record of this type"


class NoAddress(NoData):
    """The name exists, but has no IPv4 address."""

    code = "dns.no_address"
    message = "the host name exists, but has no IPv4 address"


class ServerFailed(NetworkFailure):
    """SERVFAIL, or another code that says the server could not find out."""

    code = "dns.server_failed"
    message = "the DNS server could not find the host name out; try again, or choose another DNS server"


class FormatNotUnderstood(ServerFailed):
    """The server refuses in a way in which one that is too old for EDNS does; it is asked once more without."""

    code = "dns.format_not_understood"


class HttpsRefused(ServerFailed):
    """DNS over HTTPS was answered with an HTTP error, or with something else than a DNS message."""

    code = "dns.https_refused"
    message = "the server does not answer DNS over HTTPS at this URL; check the URL, or choose another DNS server"


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


def most_telling(errors: Sequence[MixError]) -> MixError:
    """Of the errors that several servers gave, the one that tells a person most; a time-out when there is none."""
    for cls in _PRECEDENCE:
        for error in errors:
            if isinstance(error, cls):
                return error
    return errors[0] if errors else ResolvingTimedOut()
