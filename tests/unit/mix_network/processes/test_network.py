"""What a network of programs can't be asked for."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from mix_network.errors import InvalidNetworkOption, UnknownNode
from mix_network.options import NetworkOptions
from mix_network.processes.network import ProcessNetwork


@pytest.mark.parametrize(
    "option",
    [
        {"hosts": {"app.test": (ip_address("127.0.0.1"),)}},
        {"workers": 2},
        {"https_port": 8443},
        {"pcap": Path("exit.pcap")},
        {"mean_ack_delay_ms": 1.0},
    ],
)
def test_options_of_one_process_are_refused_by_name(option: dict[str, Any], tmp_path: Path):
    with pytest.raises(InvalidNetworkOption) as caught:
        ProcessNetwork(NetworkOptions(**option), tmp_path)
    assert {caught.value.fields["option"]} == set(option)
    assert "--processes" in str(caught.value)


async def test_it_is_known_by_name_who_there_is(tmp_path: Path):
    network = ProcessNetwork(NetworkOptions(mixes="3x1", entries=2), tmp_path)
    with pytest.raises(UnknownNode) as caught:
        await network.kill("mix-4")
    assert caught.value.fields["nodes"] == "mix-1, mix-2, mix-3, entry, entry-2, exit, directory"
    await network.close()
