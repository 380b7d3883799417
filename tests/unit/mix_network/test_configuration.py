"""Whatever is wrong in a configuration is told with its line, its key, and what would be right."""

import pytest

from mix_network.configuration import Configuration
from mix_network.directory.options import DirectoryOptions, ListedNode
from mix_network.directory.options import write_template as write_directory
from mix_network.errors import InvalidConfiguration
from mix_network.gateway.inbox import InboxLimits
from mix_network.gateway.rate_limits import Rates
from mix_network.node.options import NodeOptions, write_template
from mix_protocol.codec import base58

NODE = {
    "name": "a “node”",
    "directories": ["http://192.0.2.1:8000/api"],
    "address": "0.0.0.0",
    "ip_addresses": ["192.0.2.7", "2001:db8::7"],
    "ports": (1789, 9000, 8080),
}


def node(*changes, roles=("mix",)):
    text = write_template(roles, **NODE)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def test_the_template_says_what_it_was_made_of():
    options = NodeOptions.parse(node(roles=("exit", "mix")).encode())
    assert options.roles == {"mix", "exit"}
    assert options.name == NODE["name"]
    assert options.directories == ("http://192.0.2.1:8000/api",)
    assert options.ip_addresses == ("192.0.2.7", "2001:db8::7")
    assert (options.mix_port, options.ws_port, options.http_port) == NODE["ports"]
    assert options.allow_local is False
    assert options.noise is True


def test_every_line_that_is_commented_out_works_as_well():
    lines = []
    for line in node(roles=("exit",)).splitlines():
        is_example = line.startswith("# ") and " = " in line and line[2:].split(" = ")[0].isidentifier()
        lines.append(line[2:] if is_example else line)
    options = NodeOptions.parse("\n".join(lines).encode())
    assert (options.hostname, options.wss_port, options.location) == ("node.example", 9001, "DE")
    assert (options.announced_mix_port, options.exit_policy) == (1789, "exit-policy.txt")


def test_what_is_asked_of_clients_and_kept_for_them():
    identity = base58.encode(bytes(range(32)))
    changes = {
        "require_bandwidth = false": "require_bandwidth = true",
        "# admit = []": f'admit = ["{identity}"]',
        "# free_megabytes = 0": "free_megabytes = 500",
        "# client_kilobytes = 4000": "client_kilobytes = 0",
        "# address_kilobytes = 16000": "address_kilobytes = 1.5",
        "# inbox_client_megabytes = 4": "inbox_client_megabytes = 8",
        "# inbox_hours = 24": "inbox_hours = 2",
    }
    options = NodeOptions.parse(node(*changes.items(), roles=("entry",)).encode())
    terms, inbox = options.terms, options.inbox
    config = terms.session_config()
    assert (terms.require_bandwidth, terms.free_a_day_bytes) == (True, 500_000_000)
    assert (config.free_a_day_bytes, config.is_free_for(bytes(range(32))), config.is_free_for(bytes(32))) == (
        500_000_000,
        True,
        False,
    )
    assert terms.rates == Rates(client_bytes_per_s=None, address_bytes_per_s=1500.0, registrations_per_minute=120)
    assert inbox == InboxLimits(
        max_bytes=64_000_000, max_client_bytes=8_000_000, max_client_payloads=4000, max_age_s=7200
    )
    usual = NodeOptions.parse(node().encode()).terms
    assert (usual.require_bandwidth, usual.free_a_day_bytes, usual.admitted) == (False, None, frozenset())
    assert usual.session_config().is_free_for(bytes(32))


@pytest.mark.parametrize(
    ("change", "key", "says"),
    [
        (("mix_port = 1789", "mix_port = 70000"), "listen.mix_port", "whole number from 0 to 65535"),
        (("mix_port = 1789", "mix_port = true"), "listen.mix_port", "whole number"),
        (("mix_port = 1789", "mixport = 1789"), "listen.mixport", "did you mean mix_port?"),
        (('roles = ["mix"]', 'roles = ["mixer"]'), "roles", "mix, entry, exit"),
        (('roles = ["mix"]', "roles = []"), "roles", "at least one role"),
        (('["http://192.0.2.1:8000/api"]', '["192.0.2.1"]'), "directories", "http://192.0.2.1:8080/api"),
        (('["http://192.0.2.1:8000/api"]', "[]"), "directories", "needs a directory"),
        (('"192.0.2.7"', '"somewhere"'), "announce.ip_addresses", "IP addresses"),
        (('["192.0.2.7", "2001:db8::7"]', "[]"), "announce.ip_addresses", "reach this node"),
        (("# wss_port = 9001", "wss_port = 9001"), "announce.wss_port", "hostname"),
        (('# location = "DE"', 'location = "Germany"'), "announce.location", "two letters"),
        (("cover_rate = 1.0", "cover_rate = -1"), "limits.cover_rate", "from 0 to 100"),
        (("allow_local = false", "allow_local = [0]"), "exit.allow_local", "list of ports"),
        (('level = "info"', 'level = "loud"'), "logs.level", "debug, info, warning, error"),
        (("require_bandwidth = false", "require_bandwidth = 0"), "gateway.require_bandwidth", "true or false"),
        (("# admit = []", 'admit = ["alice"]'), "gateway.admit", "in base58"),
        (("# client_kilobytes = 4000", "client_kilobytes = -1"), "gateway.client_kilobytes", "from 0 to"),
        (("# inbox_client_megabytes = 4", "inbox_client_megabytes = 65"), "gateway.inbox_client_megabytes", "for all"),
        (("# inbox_hours = 24", "inbox_hours = 0"), "gateway.inbox_hours", "from 0.01"),
        (('# link = "none"', 'link = "mobile"'), "rehearsal.link", "that other machines reach"),
        (('# link = "none"', 'link = "slowly"'), "rehearsal.link", "mainnet"),
        (("[logs]", "[log]"), "log", "did you mean logs?"),
        (("accepts_terms = true", 'accepts_terms = "yes"'), "announce.accepts_terms", "true or false"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(change, key, says):
    text = node(change)
    with pytest.raises(InvalidConfiguration) as caught:
        NodeOptions.parse(text.encode())
    error = caught.value
    name = key.rpartition(".")[2]
    line = text.splitlines()[error.fields["line"] - 1]
    assert line.startswith((name, f"[{name}"))
    assert error.fields["key"] == key
    assert says in str(error)
    assert f"line {error.fields['line']}: {key}" in str(error)


def test_what_is_no_toml_is_told_with_its_line():
    with pytest.raises(InvalidConfiguration) as caught:
        NodeOptions.parse(b'name = "x"\nroles = [\n\n[listen]\n')
    assert caught.value.fields["line"] > 1
    with pytest.raises(InvalidConfiguration, match="UTF-8"):
        NodeOptions.parse(b"\xff")
    with pytest.raises(InvalidConfiguration):
        Configuration.parse(b"a = " + b"[" * 100_000)


def test_a_section_is_a_section():
    with pytest.raises(InvalidConfiguration, match=r"begins with \[listen\]"):
        NodeOptions.parse(b"listen = 3")


def test_directories_have_a_template_that_works_too():
    text = write_directory(address="::", http_port=0, epoch_s=60, least_mix_nodes=9, allow_local=True)
    options = DirectoryOptions.parse(text.encode())
    assert (options.epoch_s, options.least_mix_nodes, options.allow_local) == (60, 9, True)
    assert options.nodes_per_layer is None
    identity = base58.encode(bytes(range(32)))
    listed = DirectoryOptions.parse(text.replace('# admit = ["9W3…"]', f'admit = ["{identity}"]').encode())
    assert listed.admit == {bytes(range(32))}
    example = '# listed = ["9W3…@192.0.2.9:8080"]'
    for place, host in (("192.0.2.9:8080", "192.0.2.9"), ("[2001:db8::9]:8080", "2001:db8::9")):
        foreign = DirectoryOptions.parse(text.replace(example, f'listed = ["{identity}@{place}"]').encode())
        assert foreign.listed == (ListedNode(bytes(range(32)), host, 8080),)
    for place in ("192.0.2.9", "192.0.2.9:0", "node.example:8080", "192.0.2.9:x"):
        with pytest.raises(InvalidConfiguration, match="nodes such as"):
            DirectoryOptions.parse(text.replace(example, f'listed = ["{identity}@{place}"]').encode())
    with pytest.raises(InvalidConfiguration, match="node identities"):
        DirectoryOptions.parse(text.replace('# admit = ["9W3…"]', 'admit = ["9W3"]').encode())
