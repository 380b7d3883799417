"""What exits promise their clients."""

import pytest

from mix_network.exit.router_config import CLIENT_IDLE_S, router_config
from mix_protocol.ipr.addresses import MAX_CLIENTS


@pytest.mark.parametrize(("build_version", "versions"), [("1.30.0", (9,)), ("1.36.9", (9,)), ("1.37.0", (9, 10))])
def test_versions(build_version: str, versions: tuple[int, ...]):
    assert router_config(build_version).versions == versions


def test_newcomers_push_nobody_out_who_was_heard():
    config = router_config("1.37.0")
    assert config.client_idle_s == CLIENT_IDLE_S
    assert config.new_clients_per_s * config.client_idle_s <= MAX_CLIENTS
