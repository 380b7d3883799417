"""DNS over HTTPS (RFC 8484), by the same HTTP engine that fetches pages: HTTP/2 where the server has it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mix_protocol.errors import Closed, NetworkFailure

from ....streams import IpAddress
from ...http.request import HttpRequest, HttpTimeouts, PreparedRequest, prepare
from ...http.transport import HttpTransport
from ...http.wire_response import ResponseHead, WireResponse
from ..answers import interpret
from ..errors import HttpsRefused, MalformedAnswer
from ..messages import belongs_to, make_query, read_message
from . import Reply

MEDIA_TYPE = "application/dns-message"
MAX_MESSAGE_BYTES = 65_535

# The lookup has a limit of its own.
_NO_LIMITS = HttpTimeouts(connect_s=None, response_s=None, idle_s=None, write_s=None)


class Bootstrap:
    """Tells the HTTP engine where the server is, without asking the server itself."""

    def __init__(self, address: IpAddress | None, lookup: Callable[[str], Awaitable[list[IpAddress]]]) -> None:
        self._address = address
        self._lookup = lookup

    async def lookup(self, name: str) -> list[IpAddress]:
        """The address given for the server, or what the other servers say."""
        return [self._address] if self._address is not None else await self._lookup(name)


class HttpsTransport:
    """Asks by POST, which no cache on the way keeps or logs as part of a URL."""

    def __init__(self, http: HttpTransport, url: str, random_bytes: Callable[[int], bytes]) -> None:
        self._http = http
        self._url = url
        self._random_bytes = random_bytes

    async def exchange(self, name: str, type: str, *, edns: bool = True) -> Reply:
        """Ask in one request; when a kept connection turns out to be dead, in one more."""
        # The identifier is 0, since the request itself is what the answer belongs to (RFC 8484 section 4.1).
        query = make_query(name, type, self._random_bytes, identifier=0, edns=edns, padded=True)
        request = self._request(query.wire)
        try:
            wire = await self._send(request)
        except Closed:
            raise
        except NetworkFailure as error:
            if isinstance(error, HttpsRefused):
                raise
            wire = await self._send(request)  # a question may be repeated, unlike other POST requests
        if not belongs_to(wire, query):
            raise MalformedAnswer("the DNS server answers another question than it was asked")
        return Reply(interpret(read_message(wire, query, over_stream=True), name, type, len(wire)), "https")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _request(self, wire: bytes) -> PreparedRequest:
        headers = [("Accept", MEDIA_TYPE), ("Content-Type", MEDIA_TYPE)]
        return prepare(HttpRequest("POST", self._url, headers, wire, decode=False, default_headers=False))

    async def _send(self, request: PreparedRequest) -> bytes:
        response = await self._http.send(request, _NO_LIMITS)
        try:
            _check(response.head)
            return await _read_message(response)
        finally:
            await response.aclose()


def _check(head: ResponseHead) -> None:
    """Anything but a DNS message with status 200 is a refusal; redirects are not followed to other servers."""
    if head.status != 200:
        raise HttpsRefused(status=head.status)
    types = [value.partition(";")[0].strip().lower() for name, value in head.headers if name.lower() == "content-type"]
    if types != [MEDIA_TYPE]:
        raise HttpsRefused(status=head.status)


async def _read_message(response: WireResponse) -> bytes:
    data = bytearray()
    while piece := await response.read():
        data += piece
        if len(data) > MAX_MESSAGE_BYTES:
            raise MalformedAnswer("the DNS server's answer is longer than a DNS message can be")
    return bytes(data)
