"""Runs JavaScript in a page that has mix-tunnel and mix-fetch at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .conftest import NO_COVER, read_json

if TYPE_CHECKING:
    from .conftest import Playground, Watched

PRELUDE = """
  const { setupMixTunnel, disconnectMixTunnel, getTunnelState, getTunnelStats, getMixTunnel, onTunnelState,
    onTunnelStats, preloadMixTunnel } = await import("/mix-tunnel/index.js");
  const { mixFetch } = await import("/mix-fetch/index.js");
  const { options, site } = values;
  const describe = ({ code, message, fields }) => ({ code, message, fields });
  const caught = async (promise) => promise.then(() => null, describe);
  const text = (bytes) => new TextDecoder().decode(bytes);
  const bytes = (string) => new TextEncoder().encode(string);
"""


class Face:
    """Runs JavaScript in a page with our package at hand."""

    def __init__(self, watched: Watched, playground: Playground) -> None:
        told = read_json(f"{playground.url}playground.json")
        self.watched = watched
        self.asked: list[str] = []
        """The paths that the page and its workers requested."""
        watched.page.context.on("request", lambda request: self.asked.append(urlsplit(request.url).path))
        self._values = {
            "options": {"directoryUrl": f"{playground.url}api", "caCertificates": told["caCertificates"], **NO_COVER},
            "site": playground.https,
        }

    def run(self, code: str, **values: Any) -> Any:
        script = f"async (values) => {{ {PRELUDE} {code} }}"
        return self.watched.page.evaluate(script, {**self._values, **values})
