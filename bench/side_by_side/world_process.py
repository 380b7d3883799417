"""The world as a process of its own.

    python -m bench.side_by_side.world_process

Prints one line of JSON when all is ready, and ends on SIGTERM.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import tempfile
from pathlib import Path

from bench.side_by_side.site import bundle_pages, make_site
from bench.side_by_side.world import FRESH_NAMES, HOST

LONG_S = 3600


async def run() -> None:
    """Start everything, say where it is, and stop it in reverse."""
    from demo_site import Visitors, make_demo_site
    from playground import Certificate, local_network
    from serving import listen, serving

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="side-by-side-")))
        certificate = Certificate(folder)
        demo = make_demo_site(Visitors())
        # On slow links a client may still read the last answer while its server takes the connection for idle.
        http_port = await stack.enter_async_context(serving(demo, listen(0), keep_alive_s=LONG_S))
        https_port = await stack.enter_async_context(serving(demo, listen(0), **certificate.uvicorn_options))
        bundle_pages()
        pages_port = await stack.enter_async_context(serving(make_site(), listen(0)))
        names = [word for name in FRESH_NAMES for word in ("--host", f"{name}=127.0.0.1")]
        # One exit, so that both use the same; and loop cover of the nodes themselves would only make noise.
        options = ["--exits", "1", "--node-cover", "0"]
        _, network = await stack.enter_async_context(local_network([http_port, https_port], [*options, *names]))
        told = {
            "pages": f"http://localhost:{pages_port}",
            "http": f"http://{HOST}:{http_port}",
            "https": f"https://{HOST}:{https_port}",
            "web_socket": f"ws://{HOST}:{http_port}/echo",
            "authority_pem": certificate.authority_pem,
            "network": network,
        }
        print(json.dumps(told), flush=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(run())
