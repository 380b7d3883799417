"""The examples of our README files, run as a reader would run them, against a local mixnet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def code_blocks(readme: Path, language: str) -> list[str]:
    """The blocks of one language, in order."""
    return [code for name, code in _BLOCK.findall(readme.read_text()) if name == language]


@dataclass(frozen=True)
class LocalPlaces:
    """Where on this machine the examples' tunnel and the examples' sites are."""

    directory_url: str
    ca_certificate: str
    dns_server: str
    """As `dnsServers` writes it."""
    ports: dict[str, int]
    """Port by scheme: https, http, wss, ws."""

    def adapt(self, code: str) -> str:
        """The code with nothing changed but the ports of the example's sites."""
        for scheme, port in self.ports.items():
            code = re.sub(rf"\b({scheme}://(?:[\w-]+\.)?example\.(?:com|org))(?=[/\"'`])", rf"\1:{port}", code)
        return code

    def adapt_python(self, code: str) -> str:
        """Python: `setup_mix_tunnel()` gets the local directory."""
        options = (
            f"directory_url={self.directory_url!r}, ca_certificates=({self.ca_certificate!r},), "
            f"dns_servers=({self.dns_server!r},)"
        )
        return _give(self.adapt(code), "setup_mix_tunnel", options)

    def adapt_javascript(self, code: str, more: str = "") -> str:
        """JavaScript: `setupMixTunnel()` gets the local directory, and `more` options as source text."""
        options = (
            f"directoryUrl: {self.directory_url!r}, caCertificates: [{self.ca_certificate!r}], "
            f"dnsServers: [{self.dns_server!r}], {more}"
        )
        return _give(self.adapt(code), "setupMixTunnel", f"{{ {options} }}")


def _give(code: str, function: str, arguments: str) -> str:
    adapted, count = re.subn(rf"\bawait {function}\(\)", lambda _: f"await {function}({arguments})", code)
    assert count == 1, f"an example is expected to call {function}() once:\n{code}"
    return adapted
