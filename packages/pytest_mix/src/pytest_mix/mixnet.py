"""A local network in a thread of its own, so that tests of any kind can use it: plain, asyncio, or other processes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from mix_protocol.errors import Closed

if TYPE_CHECKING:
    from mix_network import LocalNetwork, NetworkOptions

PATIENCE_S = 60.0
"""For the network to start, and for what is asked of it to be done, on a machine that has much else to do."""

T = TypeVar("T")


class MixnetStopped(Closed):
    """The network was used before it was started or after it was stopped."""

    code = "pytest_mix.stopped"
    message = "the network of the tests does not run"


class Mixnet:
    """A network that runs. Its methods wait until what they say is done, and may be called from any thread.

    `heal` undoes whatever has been done to nodes and links; the plugin calls it after each test.
    """

    def __init__(self, options: NetworkOptions) -> None:
        self.options = options
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._network: LocalNetwork | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._later: list[asyncio.Task[None]] = []
        self._thread = threading.Thread(target=self._run, name="mixnet", daemon=True)

    def start(self) -> None:
        """Start it; returns when the directory answers. Raises what kept it from starting."""
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Stop every node."""
        if self._loop is not None and self._ended is not None:
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    @property
    def directory_url(self) -> str:
        """The directory's API over http, for `setup_mix_tunnel` and `mix --directory`."""
        return self._running.directory_url

    @property
    def status_url(self) -> str:
        """A page with the network's picture."""
        return self._running.status_url

    @property
    def states(self) -> dict[str, str]:
        """`running`, `slow`, `stopped` or `killed`, by the nodes' names."""
        return {name: str(state) for name, state in self._running.states.items()}

    def description(self) -> dict[str, Any]:
        """What a client must know, as `mix-network up --json` prints it."""
        return self._do(lambda network: network.description())

    def metrics(self) -> dict[str, Any]:
        """The counters of every node, and of what the exits exchange with servers."""
        return self._do(lambda network: network.metrics())

    def node(self, name: str) -> dict[str, Any]:
        """The counters of one node. Raises KeyError."""
        counted = {node["name"]: node for node in self.metrics()["nodes"]}
        found: dict[str, Any] = counted[name]
        return found

    def set_link(self, link: str) -> None:
        """Make all links, open ones too, like this from now on: `home`, `mobile`, `mainnet`, `delay=80ms loss=1%` …"""
        self._do(lambda network: network.set_link(link))

    def add_mix(self, layer: int | None = None) -> str:
        """Add a mix node; returns its name. Clients use it once they have asked the directory again."""
        return self.now(lambda network: network.add_mix(layer))

    def kill(self, name: str) -> None:
        """End a node as SIGKILL does."""
        self.now(lambda network: network.kill(name))

    def restart(self, name: str) -> None:
        """End a node, if it still runs, and start it again on its ports, with its keys."""
        self.now(lambda network: network.restart(name))

    def stop(self, name: str) -> None:
        """Let a node do nothing any more, as SIGSTOP does."""
        self._do(lambda network: network.stop(name))

    def slow(self, name: str, link: str = "delay=500ms") -> None:
        """Let all that a node sends, and what it exchanges with clients, go over links like this."""
        self._do(lambda network: network.slow(name, link))

    def resume(self, name: str) -> None:
        """Undo `stop` and `slow`."""
        self._do(lambda network: network.resume(name))

    def rotate_keys(self) -> int:
        """Change every node's Sphinx keys now; returns the new rotation's number."""
        return self._do(lambda network: network.rotate_keys())

    def heal(self) -> None:
        """Let every node run again, over the links of the options, and forget what was to happen later.

        Raises, once all is done, what kept something from happening that `later` was to do.
        """
        failed = self.now(self._forget_later)
        for name, state in self.states.items():
            if state == "killed":
                self.restart(name)
            elif state != "running":
                self.resume(name)
        if self._running.link != self.options.link:
            self.set_link(self.options.link)
        if failed is not None:
            raise failed

    def now(self, act: Callable[[LocalNetwork], Awaitable[T]]) -> T:
        """Do something to the network, in its thread."""
        network = self._running

        async def run() -> T:
            return await act(network)

        return asyncio.run_coroutine_threadsafe(run(), self._own_loop).result(PATIENCE_S)

    def later(self, seconds: float, act: Callable[[LocalNetwork], Awaitable[None]]) -> None:
        """Do something to the network after a while, unless it is healed before."""

        async def arrange(network: LocalNetwork) -> None:
            async def wait() -> None:
                await asyncio.sleep(seconds)
                await act(network)

            self._later.append(asyncio.create_task(wait()))

        self.now(arrange)

    @property
    def _running(self) -> LocalNetwork:
        if self._network is None:
            raise MixnetStopped()
        return self._network

    @property
    def _own_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None or self._network is None:
            raise MixnetStopped()
        return self._loop

    async def _forget_later(self, _: LocalNetwork) -> Exception | None:
        """Cancel what has not happened yet; gives why something that should have happened did not."""
        tasks, self._later = self._later, []
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        return next((outcome for outcome in outcomes if isinstance(outcome, Exception)), None)

    def _do(self, act: Callable[[LocalNetwork], T]) -> T:
        async def run(network: LocalNetwork) -> T:
            return act(network)

        return self.now(run)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
        finally:
            self._network = None
            self._ready.set()

    async def _serve(self) -> None:
        from mix_network import LocalNetwork

        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        async with LocalNetwork(self.options) as network:
            self._network = network
            self._ready.set()
            await self._ended.wait()
