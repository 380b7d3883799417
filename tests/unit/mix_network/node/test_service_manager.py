"""What systemd is told."""

import socket

import pytest

from mix_network.node.service_manager import ServiceManager


@pytest.mark.parametrize("kind", ["file", "abstract"])
def test_it_is_told_in_datagrams(tmp_path, kind):
    address = str(tmp_path / "notify") if kind == "file" else f"@mix-network-test-{tmp_path.name}-{id(tmp_path)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address.replace("@", "\0"))
        manager = ServiceManager(address)
        manager.ready("works")
        assert systemd.recv(200) == b"READY=1\nSTATUS=works"
        manager.reloading()
        assert systemd.recv(200).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        manager.stopping()
        assert systemd.recv(200) == b"STOPPING=1"


def test_nobody_who_listens_is_no_error(tmp_path, monkeypatch):
    ServiceManager(str(tmp_path / "nobody")).ready("x")
    ServiceManager("vsock:2:1234").ready("x")
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    ServiceManager().ready("x")
