"""A local network with two sites behind it, and the pages' files, in a process of its own.

    python -m support.vantage.real.world

Prints one line of JSON when all is ready, with what a tap must know of the nodes, and ends with SIGTERM.
"""

from __future__ import annotations

import asyncio
import json
import signal
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_protocol.codec import base58
from support.hypercorn_server import serve_http2
from support.static_site import serve_folder
from support.tls_server import authority, certificate, pem_of, server_context
from support.websocket_server import serving as serving_websockets

NAME = "demo.test"
_DIST = Path(__file__).resolve().parents[4] / "web/dist"


async def serve() -> None:
    """Run until SIGTERM."""
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    options = NetworkOptions(allow_local=True, hosts={NAME: (IPv4Address("127.0.0.1"),)}, dns="none")
    context = server_context(certificate(NAME))
    async with LocalNetwork(options) as network, serve_http2(NAME) as site, serving_websockets(context=context) as port:
        with serve_folder(_DIST) as page:
            nodes: dict[str, Any] = {f"mix{node.layer}": node for node in network.mix_nodes}
            nodes |= {"entry": network.entry, "exit": network.exit.gateway}
            described = {
                "page": page,
                "directory": network.directory_url,
                "authority": pem_of(authority()),
                "https": site.url(""),
                "wss": f"wss://{NAME}:{port}/",
                "gateway": base58.encode(network.entry.identity.public),
                "gateway_port": network.entry.ws_port,
                "nodes": {
                    name: {"port": node.address.port, "secret": node.keyring.current.secret.hex()}
                    for name, node in nodes.items()
                },
            }
            print(json.dumps(described), flush=True)
            await over.wait()


if __name__ == "__main__":
    asyncio.run(serve())
