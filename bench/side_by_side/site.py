"""The web server of both clients' pages: same machine, same headers, same caching; it knows what it has sent."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ROOT = Path(__file__).resolve().parents[2]
DIST = ROOT / "web/dist"
sys.path.insert(0, str(ROOT / "web"))  # the playground's own parts, which are no package
SOURCES = Path(__file__).resolve().parent / "page"
PAGES = ROOT / "build/side_by_side"
FOLDERS = {"/pages": PAGES, "/mix-tunnel": DIST / "mix-tunnel"}
CLIENTS = ("ours", "theirs")
OUR_PACKAGES = ("mix-tunnel", "mix-fetch", "mix-dns", "mix-websocket")
# The published client makes its worker of a blob:, so both get a policy that lets it.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' blob: 'wasm-unsafe-eval'; connect-src *",
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
}
HTML = '<!doctype html>\n<title>{client}</title>\n<script type="module" src="/pages/{client}.js"></script>\n'


@dataclass(frozen=True)
class Sent:
    """One answer: the file, how many bytes its body had on the wire, and how it was encoded."""

    path: str
    status: int
    size: int
    encoding: str


class Recorder:
    """Middleware that puts the headers on every answer and writes down what was sent."""

    def __init__(self, app: ASGIApp, sent: list[Sent]) -> None:
        self._app = app
        self._sent = sent
        self._headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status, size, encoding = 0, 0, ""

        async def recording(message: Message) -> None:
            nonlocal status, size, encoding
            if message["type"] == "http.response.start":
                status = message["status"]
                given = dict(message["headers"])
                encoding = given.get(b"content-encoding", b"").decode()
                more = [pair for pair in self._headers if pair[0] not in given]
                message["headers"] = [*message["headers"], *more]
            else:
                size += len(message.get("body", b""))
            await send(message)

        await self._app(scope, receive, recording)
        if scope["type"] == "http":
            self._sent.append(Sent(scope["path"], status, size, encoding))


def bundle_pages() -> None:
    """Bundle both pages by one command, as a site would."""
    esbuild = ROOT / "node_modules/.bin/esbuild"
    aliases = [f"--alias:{name}={ROOT / 'packages' / name.replace('-', '_') / 'js'}" for name in OUR_PACKAGES]
    pages = [str(SOURCES / f"{client}.js") for client in CLIENTS]
    command = [str(esbuild), *pages, "--bundle", "--minify", "--format=esm", f"--outdir={PAGES}", *aliases]
    subprocess.run(command, check=True, capture_output=True)
    compress(PAGES / f"{client}.js" for client in CLIENTS)


def compress(files: Iterable[Path]) -> None:
    """Put compressed forms beside files, as the build does for what our worker loads."""
    from build import compressed

    for file, forms in compressed(files).items():
        for form in forms:
            shutil.copyfile(form, f"{file}{form.suffix}")


def file_of(path: str) -> Path | None:
    """The file that a path of the site stands for; None where it is none."""
    for prefix, folder in FOLDERS.items():
        if path.startswith(f"{prefix}/"):
            return folder / path.removeprefix(f"{prefix}/")
    return None


def make_site() -> ASGIApp:
    """The site: `/page/ours` and `/page/theirs`, what they load, and `/sent.json`, which tells once what was sent."""
    from static_files import CompressedFiles

    sent: list[Sent] = []

    async def page(request: Request) -> Response:
        return HTMLResponse(HTML.format(client=request.path_params["client"]))

    async def tell_sent(request: Request) -> Response:
        told = [vars(each) for each in sent]
        sent.clear()
        return JSONResponse(told)

    routes = [
        Route("/page/{client}", page),
        Route("/favicon.ico", lambda request: Response(status_code=204)),
        Route("/sent.json", tell_sent),
        *(Mount(prefix, CompressedFiles(directory=folder)) for prefix, folder in FOLDERS.items()),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Recorder, sent=sent)])
