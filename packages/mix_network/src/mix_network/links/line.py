"""Links of a running network: models driven by the event loop, and one place where all of them are switched."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Generic

from mix_network.links.model import Item, LinkModel, Loss
from mix_network.links.profile import LinkProfile, Links, parse_links
from mix_protocol.addressing import NodeAddress
from mix_protocol.crypto.randomness import SeededRandom


class Line(Generic[Item]):
    """One direction of one link.

    deliver -- called with each item when it arrives, in order; at once for a link without delay
    on_drop -- called with the reason when an item was dropped
    """

    def __init__(
        self,
        model: LinkModel[Item],
        deliver: Callable[[Item], None],
        on_drop: Callable[[str], None] | None = None,
    ) -> None:
        self._model = model
        self._deliver = deliver
        self._on_drop = on_drop
        self._timer: asyncio.TimerHandle | None = None
        self._emptied: asyncio.Event | None = None

    def change(self, profile: LinkProfile) -> None:
        """The link is another one from now on."""
        self._model.change(profile)

    def send(self, item: Item) -> None:
        """An item sets out."""
        if self._model.is_clear:
            self._deliver(item)
            return
        dropped = self._model.put(item, asyncio.get_running_loop().time())
        if dropped is not None:
            if self._on_drop is not None:
                self._on_drop(dropped)
        elif self._timer is None:
            self._arrive()

    async def wait_for_room(self) -> None:
        """Wait until the link takes more: for links that drop nothing."""
        loop = asyncio.get_running_loop()
        wait_s = self._model.room_at(loop.time()) - loop.time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    async def drain(self) -> None:
        """Wait until everything has arrived."""
        if len(self._model):
            self._emptied = asyncio.Event()
            await self._emptied.wait()

    def close(self) -> None:
        """Forget what is on its way."""
        if self._timer is not None:
            self._timer.cancel()

    def _arrive(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        try:
            for item in self._model.take(loop.time()):
                self._deliver(item)
        finally:
            due = self._model.next_timeout()
            if due is not None:
                self._timer = loop.call_at(due, self._arrive)
            elif self._emptied is not None:
                self._emptied.set()


class LinkEmulation:
    """Every link of a network. With the same seed and the same traffic the same packets are lost and late.

    shares -- how many connections share what a link between two nodes carries

    Raises `InvalidNetworkOption` for a text that describes no links.
    """

    def __init__(self, links: str = "none", seed: int | str = 0, *, shares: int = 1) -> None:
        self._links = parse_links(links)
        self._seed = seed
        self._shares = shares
        self._names: Mapping[NodeAddress, str] = {}
        # Each with the name of the node that it leaves from, or that its client is at.
        self._client_lines: weakref.WeakKeyDictionary[Line[Any], str] = weakref.WeakKeyDictionary()
        self._node_lines: weakref.WeakKeyDictionary[Line[Any], str] = weakref.WeakKeyDictionary()
        self._slowed: dict[str, Links] = {}
        self._clients = 0

    @property
    def links(self) -> Links:
        """What the links are like now."""
        return self._links

    def name_nodes(self, names: Mapping[NodeAddress, str]) -> None:
        """Names that stay the same when ports do not, so that a seed is worth something."""
        self._names = names

    def change(self, links: str) -> None:
        """Make all links, open ones too, what `links` says. Raises `InvalidNetworkOption`."""
        self._links = parse_links(links)
        self._change_lines()

    def slow(self, name: str, links: str | None) -> None:
        """Make the links that leave one node, and those of its clients, like this, whatever the others are like.

        None makes them like the others again. Raises `InvalidNetworkOption`.
        """
        if links is None:
            self._slowed.pop(name, None)
        else:
            self._slowed[name] = parse_links(links)
        self._change_lines()

    def _change_lines(self) -> None:
        for line, name in self._client_lines.items():
            line.change(self._links_of(name).client)
        for line, name in self._node_lines.items():
            line.change(self._node_profile(name))

    def _links_of(self, name: str) -> Links:
        return self._slowed.get(name, self._links)

    def node_line(
        self, name: str, peer: NodeAddress, deliver: Callable[[Item], None], on_drop: Callable[[str], None]
    ) -> Line[Item]:
        """The way from a node to one of its peers. What is lost is gone."""
        random = SeededRandom(f"{self._seed} {name} to {self._names.get(peer, peer)}")
        line = Line(LinkModel[Item](random, Loss.DROPPED, self._node_profile(name)), deliver, on_drop)
        self._node_lines[line] = name
        return line

    def _node_profile(self, name: str) -> LinkProfile:
        profile = self._links_of(name).nodes
        if profile.rate_bit_s is None or self._shares == 1:
            return profile
        return replace(profile, rate_bit_s=profile.rate_bit_s / self._shares)

    def client_lines(
        self, up: Callable[[Item], None], down: Callable[[Item], None], name: str = ""
    ) -> tuple[Line[Item], Line[Item]]:
        """The ways from the next client to its gateway of that name, and back. What is lost comes late, for they are
        one TCP connection."""
        self._clients += 1
        up_line, down_line = (
            Line(
                LinkModel[Item](
                    SeededRandom(f"{self._seed} client {self._clients} {way}"),
                    Loss.REPEATED,
                    self._links_of(name).client,
                ),
                deliver,
            )
            for way, deliver in (("up", up), ("down", down))
        )
        self._client_lines.update({up_line: name, down_line: name})
        return up_line, down_line
