"""The directory's endpoints as an ASGI application.

Answers are JSON whatever `output` asks for, but for version 3 of `semi-skimmed`, which comes as bincode, too: clients
go by the answer's content type. Lists come as one page, like those of the real directory, which ignores `page` and
`per_page`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from mix_network.directory.documents import DirectoryDocuments
from mix_network.directory.refreshing import RefreshRequests
from mix_network.origin_guard import OriginGuard
from mix_network.origins import Origins
from mix_protocol.codec.json import encode_json
from mix_protocol.crash_log import CrashLog
from mix_protocol.crypto.native import NativeCrypto
from mix_protocol.errors import MixError, PeerMisbehaved
from mix_protocol.node_api.answers import MAX_ANSWER_LENGTH, decode_answer
from mix_protocol.node_api.directory_requests import AddressesRequest, RefreshRequest
from mix_protocol.topology.semi_skimmed import encode_semi_skimmed, encode_semi_skimmed_bincode

_CRASHES = CrashLog(logging.getLogger(__name__))
_ROLES = {
    "active-mixnode": "active-mix-node",
    "entry-gateway": "entry-gateway",
    "entry": "entry-gateway",
    "gateway": "entry-gateway",
    "exit-gateway": "exit-gateway",
    "exit": "exit-gateway",
}
_GATEWAYS = ("entry-gateway", "exit-gateway")
_MAX_LINK_BYTES = 1024
_METHODS = ["GET", "HEAD", "OPTIONS"]


class _LocalCors(CORSMiddleware):
    """Answers each origin that may come by its own name."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        super().__init__(app, allow_methods=_METHODS, allow_headers=["*"])
        self._origins = origins

    def is_allowed_origin(self, origin: str) -> bool:
        return self._origins.allows_origin(origin)


def api_routes(
    documents: DirectoryDocuments, wall_clock: Callable[[], float], look_again: Callable[[bytes], None]
) -> list[Route]:
    """What clients and nodes ask, to be served under `/api`; the arguments are those of `create_app`."""
    refreshes = RefreshRequests(NativeCrypto(), documents.has, look_again)

    def answer(make: Callable[[float], object]) -> Callable[[Request], Response]:
        def endpoint(_: Request) -> Response:
            return Response(encode_json(make(wall_clock())), media_type="application/json")

        return endpoint

    def skimmed(*roles: str) -> Callable[[Request], Response]:
        return answer(lambda wall_s: documents.skimmed(wall_s, *roles))

    def skimmed_by_role(request: Request) -> Response:
        role = request.query_params.get("role")
        if role is not None and role not in _ROLES:
            return JSONResponse({"message": "unknown role; use active-mixnode, entry-gateway or exit-gateway"}, 400)
        return skimmed(*([_ROLES[role]] if role else []))(request)

    def semi_skimmed_v3(request: Request) -> Response:
        document = documents.semi_skimmed_v3(wall_clock())
        if request.query_params.get("output") == "bincode":
            return Response(encode_semi_skimmed_bincode(document), media_type="application/bincode")
        return Response(encode_semi_skimmed(document), media_type="application/json")

    def refresh_described(body: bytes) -> Response:
        status, complaint = refreshes.take(RefreshRequest.decode(body), wall_clock())
        return JSONResponse(None if complaint is None else {"message": complaint}, status)

    def by_addresses(body: bytes) -> Response:
        asked = decode_answer(body, AddressesRequest, "question about addresses")
        return Response(encode_json(documents.by_addresses(wall_clock(), asked)), media_type="application/json")

    nodes = "/v2/unstable/nym-nodes/skimmed"
    # Handlers are plain functions that never block; async ones would not run in a thread pool, which is what we want.
    routes = [
        ("/v1/nym-nodes/rewarded-set", answer(documents.rewarded_set)),
        ("/v1/epoch/key-rotation-info", answer(documents.key_rotation_info)),
        ("/v1/epoch/current", answer(documents.current_epoch)),
        ("/v1/nym-nodes/described", answer(documents.described_v1)),
        ("/v2/nym-nodes/described", answer(documents.described)),
        ("/v1/unstable/nym-nodes/semi-skimmed", answer(documents.semi_skimmed_v1)),
        ("/v2/unstable/nym-nodes/semi-skimmed", answer(documents.semi_skimmed)),
        ("/v3/unstable/nym-nodes/semi-skimmed", semi_skimmed_v3),
        (nodes, skimmed_by_role),
        (f"{nodes}/entry-gateways", skimmed(*_GATEWAYS)),
        (f"{nodes}/exit-gateways", skimmed("exit-gateway")),
        (f"{nodes}/mixnodes/active", skimmed("active-mix-node")),
        (f"{nodes}/mixnodes/all", skimmed("mix-node")),
    ]
    posts = [
        ("/v1/nym-nodes/refresh-described", refresh_described),
        ("/v1/unstable/nym-nodes/by-addresses", by_addresses),
    ]
    api = [Route(path, _in_event_loop(handler), methods=["GET"]) for path, handler in routes]
    api += [Route(path, _with_body(post), methods=["POST"]) for path, post in posts]
    return api


def create_app(
    documents: DirectoryDocuments,
    wall_clock: Callable[[], float],
    metrics: Callable[[], dict[str, Any]],
    origins: Origins,
    set_link: Callable[[str], None],
    more: Sequence[BaseRoute] = (),
    look_again: Callable[[bytes], None] = lambda _: None,
) -> Starlette:
    """The application.

    wall_clock -- seconds since 1970
    origins -- whose pages may come
    metrics -- what `/metrics.json` answers. It stands outside `/api`: neither a proxy for the API nor a page of another
        origin sees it
    set_link -- takes what is put to `/link`: text such as `mobile`. It raises a `MixError` for what describes no link.
        No page of another origin can ask for it, since a PUT needs leave that nobody is given here
    more -- what else is served, outside `/api` as well
    look_again -- is given the identity of a node that says that it has changed, and returns at once; not needed where
        nodes are asked each time
    """

    def metrics_snapshot(_: Request) -> Response:
        return Response(encode_json(metrics()), media_type="application/json")

    async def put_link(request: Request) -> Response:
        body = await _read_body(request, _MAX_LINK_BYTES)
        if body is None:
            return JSONResponse({"message": "that is too long to describe links"}, 413)
        try:
            set_link(body.decode("utf-8", "replace"))
        except MixError as error:
            return JSONResponse({"message": str(error)}, 400)
        return Response(status_code=204)

    if origins.only_local:
        cors = Middleware(_LocalCors, origins)
    else:
        cors = Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=_METHODS, allow_headers=["*"])
    api = api_routes(documents, wall_clock, look_again)
    return Starlette(
        routes=[
            Mount("/api", routes=api, middleware=[cors]),
            Route("/metrics.json", _in_event_loop(metrics_snapshot), methods=["GET"]),
            Route("/link", put_link, methods=["PUT"]),
            *more,
        ],
        middleware=[Middleware(OriginGuard, origins)],
    )


def _in_event_loop(handler: Callable[[Request], Response]) -> Callable[[Request], Any]:
    """Wrap a handler that never blocks, so that Starlette calls it directly instead of in a thread."""

    async def endpoint(request: Request) -> Response:
        with _CRASHES.isolated("one request to the directory"):
            return handler(request)
        return JSONResponse({"message": "the directory has failed at this request"}, 500)

    return endpoint


def _with_body(handler: Callable[[bytes], Response]) -> Callable[[Request], Any]:
    """Wrap a handler of what a node posts, which never blocks either and may raise `MixError` for it."""

    async def endpoint(request: Request) -> Response:
        body = await _read_body(request, MAX_ANSWER_LENGTH)
        if body is None:
            return JSONResponse({"message": "the request is too long"}, 413)
        with _CRASHES.isolated("one request to the directory"):
            try:
                return handler(body)
            except PeerMisbehaved as error:
                return JSONResponse({"message": str(error)}, 400)
        return JSONResponse({"message": "the directory has failed at this request"}, 500)

    return endpoint


async def _read_body(request: Request, limit: int) -> bytes | None:
    """The body, or None if it is longer than that many bytes."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            return None
    return bytes(body)
