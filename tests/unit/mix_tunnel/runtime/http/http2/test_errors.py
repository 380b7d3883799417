"""What every error of HTTP/2 has."""

from __future__ import annotations

from support.error_classes import check_error_classes

from mix_tunnel.runtime.http.http2 import errors


def test_error_classes():
    check_error_classes(errors, "http2")
