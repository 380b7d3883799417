"""Homes for programs, as these read them."""

from pathlib import Path

from mix_network.directory.options import DirectoryOptions
from mix_network.node.options import NodeOptions
from mix_network.options import NetworkOptions
from mix_network.processes.homes import write_directory_home, write_node_home

URL = "http://127.0.0.1:8000/api"


def test_a_node_reads_what_the_networks_options_say(tmp_path: Path):
    options = NetworkOptions(
        allow_local=(8080, 3000),
        exit_policy="ExitPolicy accept *:443",
        node_cover=2,
        advertise_version="1.36.0",
        link_seed=7,
        require_bandwidth=True,
    )
    write_node_home(tmp_path, "exit", "exit", options, URL, {"mix_port": 1234}, "delay=80ms loss=1%")
    node = NodeOptions.parse((tmp_path / "node.toml").read_bytes())
    assert (node.name, node.roles, node.directories) == ("exit", {"exit"}, (URL,))
    assert (node.listen_address, node.ip_addresses) == ("127.0.0.1", ("127.0.0.1",))
    assert (node.mix_port, node.ws_port, node.http_port) == (1234, 0, 0)
    assert (node.allow_local, node.cover_rate, node.build_version) == ({3000, 8080}, 2.0, "1.36.0")
    assert (node.link, node.link_seed, node.terms.require_bandwidth) == ("delay=80ms loss=1%", 7, True)
    assert node.exit_policy is not None
    assert (tmp_path / node.exit_policy).read_text() == "ExitPolicy accept *:443"
    assert (tmp_path / "node.toml").stat().st_mode & 0o777 == 0o600
    assert tmp_path.joinpath("keys").stat().st_mode & 0o077 == 0


def test_a_directory_reads_what_the_networks_options_say_also_when_they_are_written_again(tmp_path: Path):
    for port in (0, 8123):
        write_directory_home(tmp_path, NetworkOptions(epoch_s=60, rotation_epochs=5), port, 9)
    directory = DirectoryOptions.parse((tmp_path / "directory.toml").read_bytes())
    assert (directory.http_port, directory.epoch_s, directory.rotation_epochs) == (8123, 60, 5)
    assert (directory.least_mix_nodes, directory.allow_local) == (9, True)
