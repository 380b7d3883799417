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
