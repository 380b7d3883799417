"""Node keys change while the network runs: packets of the old rotation are honoured for one epoch more."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest
from support.raw_client import raw_client
from support.waiting import until

from mix_network.local_network import LocalNetwork
from mix_network.options import NetworkOptions
from mix_network.rotation import RotationSchedule

SCHEDULE = RotationSchedule()


@dataclass
class Wall:
    """A wall clock that the test sets forward."""

    ahead_s: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s

    def go_to_epoch(self, epoch: int) -> None:
        self.ahead_s = SCHEDULE.epoch_start(epoch) + 1.0 - time.time()


@pytest.fixture
def wall() -> Wall:
    clock = Wall()
    rotation = SCHEDULE.rotation_of(SCHEDULE.epoch_at(clock()))
    clock.go_to_epoch(SCHEDULE.epochs_of(rotation)[-1])
    return clock


async def test_a_rotation_goes_by(wall: Wall):
    async with LocalNetwork(NetworkOptions(), schedule=SCHEDULE, wall_clock=wall) as network:
        boundary = SCHEDULE.epoch_at(wall()) + 1
        nodes = [network.entry, *network.mix_nodes, network.exit.gateway]
        dropped = [node.metrics.dropped for node in nodes]

        async with raw_client(network.description()) as older:
            older.send_message(older.preparer.own, b"before", 1)
            await until(lambda: older.messages)
            announced = [node.keyring.pre_announced for node in nodes]

            wall.go_to_epoch(boundary)
            network.refresh()
            assert [node.keyring.current for node in nodes] == announced
            async with raw_client(network.description()) as newer:
                assert newer.preparer.topology.rotation_id == older.preparer.topology.rotation_id + 1
                newer.send_message(newer.preparer.own, b"new keys", 1)
                await until(lambda: newer.messages)
                older.send_message(older.preparer.own, b"old keys", 1)
                await until(lambda: len(older.messages) == 2)
                assert not any(dropped)

                wall.go_to_epoch(boundary + 1)
                network.refresh()
                older.send_message(older.preparer.own, b"too old", 1)
                await until(lambda: network.mix_nodes[0].metrics.dropped["no_key_for_rotation"])
                newer.send_message(newer.preparer.own, b"still good", 1)
                await until(lambda: len(newer.messages) == 2)
                assert [message.data for message in older.messages] == [b"before", b"old keys"]
