"""Exit codes: curl's."""

from __future__ import annotations

import pytest

from mix_protocol.errors import MixError, NetworkFailure, registered
from mix_protocol.netstack import errors as _netstack_errors  # noqa: F401 - registers its errors
from mix_tunnel.cli.exit_codes import ExitCode, exit_code
from mix_tunnel.runtime import tunnel_errors as _tunnel_errors  # noqa: F401
from mix_tunnel.runtime.dns.errors import NameNotFound  # noqa: F401
from mix_tunnel.runtime.http import errors as _http_errors  # noqa: F401
from mix_tunnel.runtime.tls_errors import UnknownIssuer  # noqa: F401


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("fetch.bad_url", 2),
        ("tls.bad_ca_certificate", 2),
        ("dns.bad_name", 2),
        ("dns.name_not_found", 6),
        ("dns.no_address", 6),
        ("dns.server_failed", 6),
        ("dns.timed_out", 28),
        ("tcp.connection_refused", 7),
        ("tcp.connect_timed_out", 28),
        ("ip.unreachable", 7),
        ("tunnel.exit_policy_denied", 7),
        ("http.connect_timed_out", 28),
        ("http.response_timed_out", 28),
        ("http.idle_timed_out", 28),
        ("http.body_cut", 18),
        ("http.no_response", 52),
        ("http.malformed_response", 8),
        ("http.head_too_large", 8),
        ("http.bad_encoding", 61),
        ("http.encoding_cut", 61),
        ("http.decompression_bomb", 63),
        ("fetch.too_many_redirects", 47),
        ("fetch.redirect_refused", 47),
        ("fetch.bad_redirect", 8),
        ("fetch.body_not_replayable", 65),
        ("tls.certificate_refused", 60),
        ("tls.certificate_expired", 60),
        ("tls.certificate_not_yet_valid", 60),
        ("tls.certificate_revoked", 60),
        ("tls.unknown_issuer", 60),
        ("tls.wrong_host", 60),
        ("tls.handshake_failed", 35),
        ("tls.not_tls", 35),
        ("tls.handshake_cut", 35),
        ("tls.truncated", 56),
        ("tunnel.gateway_lost", 56),
    ],
)
def test_each_error_has_its_code(code, expected):
    assert exit_code(registered()[code]()) == expected


def test_no_error_ends_in_success():
    for cls in registered().values():
        assert exit_code(cls()) is not ExitCode.OK
    assert exit_code(MixError()) is ExitCode.RECEIVE_FAILED
    assert exit_code(NetworkFailure()) is ExitCode.RECEIVE_FAILED
