"""A short run of every fuzz target, the same one each time, and that no reader is without a target."""

from __future__ import annotations

from itertools import islice

import pytest
from fuzz.coverage import reached, readers
from fuzz.judging import nothing_hidden
from fuzz.mutation import inputs
from fuzz.registry import Target, all_targets
from fuzz.running import run_unguided

TARGETS = all_targets()
INPUTS, SECONDS = 400, 1.0

ELSEWHERE = {
    "mix_network.directory.peers.DirectoryPeer.parse": "the operator's file",
    "mix_network.exit.hosts_resolver.parse_host": "text of whoever starts the network",
    "mix_network.exit.policy.ExitPolicy.parse": "the operator's file",
    "mix_network.exit.policy.ExitRule.parse": "the operator's file",
    "mix_network.exit.tun.forwarder.TunForwarder.receive_packet": "takes root; its parts are in exit_packets",
    "mix_network.mixnode.incoming.Incoming.receive": "hands on what node_stream and decoders_sphinx read",
    "mix_network.mixnode.mixer.Mixer.receive": "hands on what node_stream and decoders_sphinx read",
    "mix_network.node.gateway_options.read_inbox_limits": "the operator's file",
    "mix_network.node.gateway_options.read_terms": "the operator's file",
    "mix_protocol.netstack.fault_injector.FaultInjector.receive_packet": "a wrapper that reads nothing",
    "mix_protocol.netstack.icmp.EchoTap.receive": "gives out what has been read",
    "mix_protocol.netstack.pcap.PcapWriter.receive_packet": "a wrapper that reads nothing",
    "mix_protocol.netstack.udp.UdpTap.receive": "gives out what has been read",
    "mix_tunnel.runtime.dns.servers.DnsServer.parse": "an option of the user's",
    "mix_tunnel.runtime.dns.servers.parse_servers": "an option of the user's",
    "mix_tunnel.runtime.http.decoding.decoded": "drives what content_codings does",
    "mix_tunnel.runtime.http.http1.switched.SwitchedStream.receive": "passes bytes on as they are",
    "mix_tunnel.runtime.http.integrity.IntegrityMetadata.read_verified": "hashes bytes, and reads nothing in them",
}


def test_every_reader_has_a_target():
    """A new function that reads what others send needs a target whose seeds reach it, or a reason here."""
    code = reached(TARGETS.values())
    assert {name for name, its_code in readers().items() if its_code not in code} == set(ELSEWHERE)


@pytest.mark.expects_crashes  # `run_unguided` makes findings of them
@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_found_in_a_short_run(name: str):
    outcome = run_unguided(TARGETS[name], seconds=SECONDS, most=INPUTS)
    assert outcome.finding is None, outcome.finding
    assert outcome.inputs >= len(list(TARGETS[name].seeds()))


def test_what_breaks_is_found_and_kept(tmp_path, monkeypatch):
    def breaks(data: bytes) -> None:
        if data.startswith(b"\xff"):
            raise KeyError(data)

    monkeypatch.setattr("fuzz.running.FINDINGS", tmp_path)
    outcome = run_unguided(Target("breaks", "", breaks, lambda: [b"abc"]), seconds=60.0, most=10_000)
    assert outcome.finding is not None
    assert outcome.finding.startswith("KeyError at ")
    assert outcome.file.read_bytes().startswith(b"\xff")


def test_what_is_isolated_is_found_as_well():
    from mix_protocol.crash_log import CrashLog

    log = CrashLog(None)  # type: ignore[arg-type]
    with pytest.raises(KeyError), nothing_hidden(), log.isolated("a test"):
        raise KeyError


def test_the_same_number_makes_the_same_inputs():
    made = [list(islice(inputs([b"seed", b"other"], number), 200)) for number in (1, 1, 2)]
    assert made[0] == made[1] != made[2]
    assert made[0][:2] == [b"seed", b"other"]
