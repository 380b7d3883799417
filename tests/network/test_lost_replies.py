"""An exit whose packets get lost: what a client waits for is sent again, IP packets are TCP's business."""

from __future__ import annotations

from typing import Any

from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_protocol.sphinx.mix_packet import MixPacket
from mix_tunnel.options import TunnelOptions
from mix_tunnel.runtime import connecting
from mix_tunnel.tunnel import Tunnel


class Losing:
    """Loses the first packets that an exit sends, and counts the answers that it meant to give."""

    def __init__(self, network: LocalNetwork, lost: int) -> None:
        service = network.exit._service
        self.answers = self.packets = 0
        self._lost = lost
        self._send, service._send = service._send, self.send
        self._queue, service._replies.queue_reply = service._replies.queue_reply, self.queue  # type: ignore[method-assign]

    def send(self, packet: MixPacket) -> None:
        self.packets += 1
        if self.packets > self._lost:
            self._send(packet)

    def queue(self, *arguments: Any, max_retransmissions: int | None = 0) -> bool:
        self.answers += max_retransmissions != 0
        return self._queue(*arguments, max_retransmissions=max_retransmissions)


async def test_a_lost_answer_to_connect_is_sent_again_by_the_exit(monkeypatch):
    monkeypatch.setattr(connecting, "EXIT_RETRY_S", 100.0)  # so it is not the client that asks again
    async with LocalNetwork(NetworkOptions(dns="none")) as network:
        losing = Losing(network, lost=2)
        options = TunnelOptions(
            directory_url=network.directory_url, disable_cover_traffic=True, disable_poisson_traffic=True
        )
        async with await Tunnel.connect(options):
            assert losing.packets >= 3
            assert losing.answers == 1
