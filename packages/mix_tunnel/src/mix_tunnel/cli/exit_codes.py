"""Exit codes: curl's where curl has one, so that scripts written around it go on working."""

from __future__ import annotations

from enum import IntEnum

from mix_protocol.errors import MixError, UsageError


class ExitCode(IntEnum):
    """What the commands end with."""

    OK = 0
    USAGE = 2
    NAME_NOT_RESOLVED = 6
    COULD_NOT_CONNECT = 7
    WEIRD_ANSWER = 8
    BODY_CUT = 18
    HTTP_ERROR = 22
    WRITE_FAILED = 23
    TIMED_OUT = 28
    TLS_HANDSHAKE = 35
    TOO_MANY_REDIRECTS = 47
    NO_ANSWER = 52
    RECEIVE_FAILED = 56
    CERTIFICATE = 60
    BAD_ENCODING = 61
    TOO_LARGE = 63
    BODY_NOT_REPLAYABLE = 65
    NO_TUNNEL = 97
    INTERRUPTED = 130
    TERMINATED = 143


_BY_CODE = {
    "http.body_cut": ExitCode.BODY_CUT,
    "http.malformed_response": ExitCode.WEIRD_ANSWER,
    "http.head_too_large": ExitCode.WEIRD_ANSWER,
    "http.no_response": ExitCode.NO_ANSWER,
    "http.bad_encoding": ExitCode.BAD_ENCODING,
    "http.encoding_cut": ExitCode.BAD_ENCODING,
    "http.decompression_bomb": ExitCode.TOO_LARGE,
    "fetch.integrity_too_large": ExitCode.TOO_LARGE,
    "fetch.too_many_redirects": ExitCode.TOO_MANY_REDIRECTS,
    "fetch.redirect_refused": ExitCode.TOO_MANY_REDIRECTS,
    "fetch.bad_redirect": ExitCode.WEIRD_ANSWER,
    "fetch.body_not_replayable": ExitCode.BODY_NOT_REPLAYABLE,
    "tls.truncated": ExitCode.RECEIVE_FAILED,
    "tls.broken": ExitCode.RECEIVE_FAILED,
    "websocket.invalid_status": ExitCode.HTTP_ERROR,
    "websocket.handshake_aborted": ExitCode.NO_ANSWER,
    "websocket.handshake_not_http": ExitCode.WEIRD_ANSWER,
    "websocket.handshake_too_large": ExitCode.WEIRD_ANSWER,
    "websocket.invalid_header": ExitCode.WEIRD_ANSWER,
    "websocket.invalid_upgrade": ExitCode.WEIRD_ANSWER,
    "websocket.negotiation": ExitCode.WEIRD_ANSWER,
    "tunnel.exit_policy_denied": ExitCode.COULD_NOT_CONNECT,
}
_BY_LAYER = {
    "dns": ExitCode.NAME_NOT_RESOLVED,
    "tls": ExitCode.TLS_HANDSHAKE,
    "tcp": ExitCode.COULD_NOT_CONNECT,
    "ip": ExitCode.COULD_NOT_CONNECT,
}


def exit_code(error: MixError) -> ExitCode:
    """The exit code for an error that a request through a working tunnel met."""
    from mix_tunnel.runtime.tls_errors import CertificateRefused

    if isinstance(error, UsageError):
        return ExitCode.USAGE
    if isinstance(error, CertificateRefused):
        return ExitCode.CERTIFICATE
    if error.code.endswith("timed_out"):
        return ExitCode.TIMED_OUT
    layer = error.code.partition(".")[0]
    return _BY_CODE.get(error.code) or _BY_LAYER.get(layer) or ExitCode.RECEIVE_FAILED
