"""The cookies of a tunnel that was set up with the option `cookies`; each function raises `CookiesDisabled` without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mix_tunnel.api import TunnelApi, find_tunnel


def export_cookies(tunnel: TunnelApi | str | None = None) -> list[dict[str, Any]]:
    """All cookies of the tunnel's jar as JSON values, to be kept or looked at."""
    return find_tunnel(tunnel).cookies.export()


def import_cookies(cookies: Sequence[Mapping[str, Any]], tunnel: TunnelApi | str | None = None) -> None:
    """Put cookies into the tunnel's jar that `export_cookies` gave; raises `InvalidCookie`, and then adds none."""
    find_tunnel(tunnel).cookies.load(cookies)


def clear_cookies(tunnel: TunnelApi | str | None = None) -> None:
    """Forget every cookie of the tunnel's jar."""
    find_tunnel(tunnel).cookies.clear()
