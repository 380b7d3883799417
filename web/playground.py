#!/usr/bin/env python3
"""Start a local mixnet, a small demo site and the playground page; stop everything on Ctrl-C.

    playground.py [--port 8080] [--json] [-- OPTIONS OF mix-network up]

Prints one line with the page's URL when all is ready. With --json the line is a JSON object with every address.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import trustme
import uvicorn
from demo_site import Visitors, is_worth_logging, make_demo_site
from page_server import make_page_server
from starlette.types import ASGIApp

WEB = Path(__file__).resolve().parent
DIST = WEB / "dist"
DEMO_NAME = "demo.test"
LOCALHOST = "127.0.0.1"
NETWORK_READY_S = 60
STOP_S = 10


class PlaygroundError(Exception):
    """Something a person has to know about; its text is all that is printed."""


def say(text: str) -> None:
    print(f"playground: {text}", file=sys.stderr, flush=True)


def listen(port: int) -> socket.socket:
    """A listening socket on 127.0.0.1; port 0 takes a free one."""
    # asyncio switches Nagle's algorithm off only where the socket names its protocol.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOCALHOST, port))
    except OSError as error:
        listener.close()
        raise PlaygroundError(f"port {port} cannot be used ({error.strerror}): try make playground PORT=8081") from None
    listener.listen(128)
    return listener


class WebServer(uvicorn.Server):
    """A server that leaves signals to this program."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, listener: socket.socket, **options: Any) -> AsyncIterator[int]:
    """Serve an application on a socket until the block ends; gives the port."""
    config = uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1, **options)
    server = WebServer(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if task.done():
                task.result()
                raise PlaygroundError("a web server ended before it was ready")
            await asyncio.sleep(0.01)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await task
        listener.close()


@contextlib.asynccontextmanager
async def local_network(arguments: list[str]) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, Any]]]:
    """`mix-network up` until the block ends; gives the process and what its line says."""
    program = Path(sys.executable).with_name("mix-network")
    names = ["--host", f"{DEMO_NAME}={LOCALHOST}", "--dns", "none"]
    command = [str(program), "up", "--json", "--allow-local", *names, *arguments]
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
        {"label": "plain http", "url": f"{http}/"},
        {"label": "a body that is cut", "url": f"{https}/cut"},
    ]


def make_certificate(folder: Path) -> tuple[trustme.CA, dict[str, Path]]:
    """A private certificate authority, and uvicorn's options for a server that it vouches for."""
    authority = trustme.CA(organization_name="Mixnet playground")
    certificate = authority.issue_cert(DEMO_NAME)
    (folder / "chain.pem").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    return authority, {"ssl_certfile": folder / "chain.pem", "ssl_keyfile": folder / "key.pem"}


async def run(port: int, as_json: bool, network_arguments: list[str]) -> None:
    """Start everything in order, wait for a signal or for the network's end, stop everything in reverse."""
    if not (DIST / "index.html").is_file():
        raise PlaygroundError(f"{DIST} has not been built: run make setup")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        page_listener = listen(port)
        stack.callback(page_listener.close)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="playground-")))
        authority, tls_options = make_certificate(folder)
        visitors = Visitors()
        demo = make_demo_site(visitors)
        http_port = await stack.enter_async_context(serving(demo, listen(0)))
        https_port = await stack.enter_async_context(serving(demo, listen(0), **tls_options))
        logging.getLogger("uvicorn.error").addFilter(is_worth_logging)
        https, http = f"https://{DEMO_NAME}:{https_port}", f"http://{DEMO_NAME}:{http_port}"
        say("starting the local mixnet")
        process, network = await stack.enter_async_context(local_network(network_arguments))
        config = {
            "directoryPath": "/api",
            "caCertificates": [authority.cert_pem.bytes().decode()],
            "examples": make_examples(https, http),
        }
        page = make_page_server(
            DIST,
            directory_url=network["directory"]["http"],
            config=config,
            visitors=lambda: visitors.requests,
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
    parser.add_argument("network", nargs="*", metavar="-- OPTION", help="further options of mix-network up")
    arguments = parser.parse_args()
    try:
        asyncio.run(run(arguments.port, arguments.json, arguments.network))
    except PlaygroundError as error:
        sys.exit(f"playground: {error}")


if __name__ == "__main__":
    main()
