from mix_network.network_view import NetworkView
from mix_protocol.addressing import NodeAddress


def test_only_whole_addresses_of_nodes_are_known():
    node = NodeAddress.from_text("127.0.0.1", 1789)
    view = NetworkView([node])
    assert view.knows(NodeAddress.from_text("127.0.0.1", 1789))
    assert not view.knows(NodeAddress.from_text("127.0.0.1", 22))
    assert len(view) == 1
    view.update([])
    assert not view.knows(node)


def test_who_announces_encrypted_links():
    first, second, silent = (NodeAddress.from_text("192.0.2.1", port) for port in (1, 2, 3))
    plain = NodeAddress.from_text("192.0.2.2", 1)
    view = NetworkView([first, second, silent, plain], {first: b"1" * 32, second: b"2" * 32})
    assert (view.noise_key(first), view.noise_key(second)) == (b"1" * 32, b"2" * 32)
    assert view.noise_key(plain) is None
    # Nodes behind one address must agree, so one that says nothing gets what the others get.
    assert view.noise_key(silent) in (b"1" * 32, b"2" * 32)
    assert view.announces_noise(first.ip)
    assert not view.announces_noise(plain.ip)


def test_an_ipv4_address_is_the_same_when_it_is_written_as_ipv6():
    node, mapped = NodeAddress.from_text("192.0.2.1", 1), NodeAddress.from_text("::ffff:192.0.2.1", 1)
    for announced, asked in ((node, mapped), (mapped, node)):
        view = NetworkView([announced], {announced: b"1" * 32})
        assert view.noise_key(asked) == b"1" * 32
        assert view.announces_noise(asked.ip)


def test_somebody_unknown_who_connects_makes_it_ask_for_news():
    node, told = NodeAddress.from_text("192.0.2.1", 1), []
    view = NetworkView([node])
    view.on_unknown = lambda: told.append(None)
    assert not view.announces_noise(node.ip)
    assert not told
    assert not view.announces_noise(NodeAddress.from_text("192.0.2.2", 1).ip)
    assert len(told) == 1


def test_an_update_replaces_the_keys():
    node = NodeAddress.from_text("192.0.2.1", 1)
    view = NetworkView([node], {node: b"1" * 32})
    view.update([node])
    assert view.noise_key(node) is None
    assert not view.announces_noise(node.ip)
