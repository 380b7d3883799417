#!/usr/bin/env python3
"""Start a local mixnet, a small demo site and the playground page; stop everything on Ctrl-C.

    playground.py [--port 8080] [--json] [--dist DIRECTORY] [-- OPTIONS OF mix-network up]

Prints one line with the page's URL when all is ready. With --json the line is a JSON object with every address.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import trustme
from demo_names import DemoNames, serving_names
from demo_site import Visitors, is_worth_logging, make_demo_site
from page_server import DIRECT_PATH, make_page_server
from serving import LOCALHOST, PlaygroundError, listen, serving
from starlette.routing import Route

WEB = Path(__file__).resolve().parent
DIST = WEB / "dist"
DEMO_NAME = "demo.test"
EXITS = 2
"""So that there is one to choose."""
NETWORK_READY_S = 60
UNUSED_PORT = 1
STOP_S = 10


def say(text: str) -> None:
    print(f"playground: {text}", file=sys.stderr, flush=True)


def allowance(ports: Iterable[int], arguments: list[str]) -> list[str]:
    """What of this machine may be reached: our own ports, unless the caller's options say more.

    Whoever names hosts of this machine (`--host shop.test=127.0.0.1`) means their servers, at whatever port.
    """
    if any(argument.partition("=")[0] == "--host" for argument in arguments):
        return ["--allow-local"]
    return ["--allow-local", ",".join(map(str, ports))]


@contextlib.asynccontextmanager
async def local_network(
    ports: Iterable[int], arguments: list[str]
) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, Any]]]:
    """`mix-network up` until the block ends; gives the process and what its line says.

    ports -- the only ones of this machine that the page reaches through the network
    """
    program = Path(sys.executable).with_name("mix-network")
    names = ["--host", f"{DEMO_NAME}={LOCALHOST}", "--dns", "none"]
    command = [str(program), "up", "--json", *allowance(ports, arguments), "--exits", str(EXITS), *names, *arguments]
    try:
        # A session of its own: Ctrl-C reaches this program alone, which then stops the network in good order.
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, limit=1 << 20, start_new_session=True
        )
    except FileNotFoundError:
        raise PlaygroundError(f"{program} is missing: run make setup") from None
    try:
        assert process.stdout is not None
        try:
            line = await asyncio.wait_for(process.stdout.readline(), NETWORK_READY_S)
        except TimeoutError:
            raise PlaygroundError(f"the local mixnet was not ready within {NETWORK_READY_S} s") from None
        if not line:
            raise PlaygroundError(f"the local mixnet ended with exit code {await process.wait()}; see above why")
        yield process, json.loads(line)
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_S)
            except TimeoutError:
                say(f"the local mixnet did not stop within {STOP_S} s and is killed")
                process.kill()
                await process.wait()


def make_examples(https: str, http: str) -> list[dict[str, str]]:
    """What the page offers to fetch; the first one is filled in."""
    return [
        {"label": "a page", "url": f"{https}/"},
        {"label": "JSON", "url": f"{https}/json"},
        {"label": "post something", "url": f"{https}/echo", "method": "POST", "body": "hello through five hops"},
        {"label": "300 kB", "url": f"{https}/bytes/300000"},
        {"label": "slow lines", "url": f"{https}/slow"},
        {"label": "two redirects", "url": f"{https}/redirect/2"},
        {"label": "gzip", "url": f"{https}/encoded/gzip"},
        {"label": "404", "url": f"{https}/status/404"},
        {"label": "plain http", "url": f"{http}/"},
        {"label": "a body that is cut", "url": f"{https}/cut"},
        # The certificate is for the site's name, not for its alias.
        {"label": "a wrong certificate", "url": f"{https.replace('://', '://www.')}/"},
        {"label": "nobody listens", "url": f"https://{DEMO_NAME}:{UNUSED_PORT}/"},
        {"label": "no such name", "url": f"https://nothing.{DEMO_NAME}/"},
    ]


def make_name_servers(https: str, plain_port: int, tls_port: int) -> list[dict[str, str]]:
    """The demo's name server by each transport, in the notation of the tunnel's options."""
    return [
        {"label": "UDP", "value": f"udp://{LOCALHOST}:{plain_port}"},
        {"label": "TCP", "value": f"tcp://{LOCALHOST}:{plain_port}"},
        {"label": "TLS", "value": f"tls://{LOCALHOST}:{tls_port}#{DEMO_NAME}"},
        {"label": "HTTPS", "value": f"{https}/dns-query#{LOCALHOST}"},
    ]


class Certificate:
    """A private certificate authority, and a certificate for the demo site that it vouches for."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA(organization_name="Mixnet playground")
        issued = authority.issue_cert(DEMO_NAME)
        self.authority_pem = authority.cert_pem.bytes().decode()
        self.der = ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())
        self._chain, self._key = folder / "chain.pem", folder / "key.pem"
        self._chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(self._key)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued.configure_cert(self.context)

    @property
    def uvicorn_options(self) -> dict[str, Path]:
        """What makes uvicorn use it."""
        return {"ssl_certfile": self._chain, "ssl_keyfile": self._key}


async def run(port: int, as_json: bool, dist: Path, network_arguments: list[str]) -> None:
    """Start everything in order, wait for a signal or for the network's end, stop everything in reverse."""
    if not (dist / "index.html").is_file():
        raise PlaygroundError(f"{dist} has not been built: run make setup")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    logging.getLogger("uvicorn.error").addFilter(is_worth_logging)
    async with contextlib.AsyncExitStack() as stack:
        page_listener = listen(port)
        stack.callback(page_listener.close)
        certificate = Certificate(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="playground-"))))
        visitors = Visitors()
        https_listener = listen(0)
        https_port = https_listener.getsockname()[1]
        names = DemoNames(https_port, certificate.der)
        resolver = Route("/dns-query", names.over_https, methods=["GET", "POST"])
        demo = make_demo_site(visitors, [resolver])
        http_port = await stack.enter_async_context(serving(demo, listen(0)))
        await stack.enter_async_context(serving(demo, https_listener, **certificate.uvicorn_options))
        dns_ports = await stack.enter_async_context(serving_names(names, certificate.context))
        https, http = f"https://{DEMO_NAME}:{https_port}", f"http://{DEMO_NAME}:{http_port}"
        say("starting the local mixnet")
        process, network = await stack.enter_async_context(
            local_network([https_port, http_port, *dns_ports, UNUSED_PORT], network_arguments)
        )
        name_servers = make_name_servers(https, *dns_ports)
        config = {
            "directoryPath": "/api",
            "caCertificates": [certificate.authority_pem],
            "tunnelOptions": {
                "caCertificates": [certificate.authority_pem],
                "dnsServers": [name_servers[0]["value"]],
            },
            "examples": make_examples(https, http),
            "site": {"name": DEMO_NAME, "https": https, "http": http, "direct": DIRECT_PATH},
            "nameServers": name_servers,
            "entryGateways": [gateway["identity"] for gateway in network["entry_gateways"]],
            "exits": [gateway["ip_packet_router"] for gateway in network["exit_gateways"]],
        }
        page = make_page_server(
            dist,
            directory_url=network["directory"]["http"],
            config=config,
            visitors=lambda: visitors.requests,
            direct_site=make_demo_site(Visitors()),
        )
        await stack.enter_async_context(serving(page, page_listener))
        url = f"http://{LOCALHOST}:{page_listener.getsockname()[1]}/"
        ready = {"url": url, "https": https, "http": http, "network": network}
        print(json.dumps(ready) if as_json else f"The playground is ready: {url} (Ctrl-C stops it)", flush=True)
        await wait_for_end(stop, process)
        say("stopping")


async def wait_for_end(stop: asyncio.Event, process: asyncio.subprocess.Process) -> None:
    """Wait for a signal; the network's own end is an error."""
    waiting = [asyncio.create_task(stop.wait()), asyncio.create_task(process.wait())]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    if not stop.is_set():
        raise PlaygroundError(f"the local mixnet ended by itself with exit code {process.returncode}; see above why")


def main() -> None:
    parser = argparse.ArgumentParser(description="Start a local mixnet, a demo site and the playground page.")
    parser.add_argument("--port", type=int, default=8080, help="the page's port on 127.0.0.1 (8080; 0 for a free one)")
    parser.add_argument("--json", action="store_true", help="print the ready line as JSON")
    parser.add_argument("--dist", type=Path, default=DIST, help="the assembled page (web/dist)")
    parser.add_argument("network", nargs="*", metavar="-- OPTION", help="further options of mix-network up")
    arguments = parser.parse_args()
    try:
        asyncio.run(run(arguments.port, arguments.json, arguments.dist, arguments.network))
    except PlaygroundError as error:
        sys.exit(f"playground: {error}")


if __name__ == "__main__":
    main()
