"""What may be chosen about a local network, and what its nodes are called then."""

import pytest

from mix_network.errors import InvalidNetworkOption
from mix_network.naming import gateway_names, mix_names
from mix_network.options import NetworkOptions


@pytest.mark.parametrize(("text", "nodes"), [("3", 1), ("3x1", 1), ("3x3", 3), (" 3X20 ", 20)])
def test_mixes_are_layers_times_nodes(text: str, nodes: int):
    assert NetworkOptions(mixes=text).nodes_per_layer == nodes


@pytest.mark.parametrize(
    "text", ["", "0", "2x3", "4x1", "3x0", "3x21", "3x", "x3", "3x3x3", "-3", "3x3 nodes", "９x３"]
)
def test_other_shapes_are_refused(text: str):
    with pytest.raises(InvalidNetworkOption) as caught:
        NetworkOptions(mixes=text)
    assert caught.value.fields["option"] == "mixes"
    assert "3x2" in str(caught.value)


@pytest.mark.parametrize(
    "option",
    [{"epoch_s": 1}, {"epoch_s": 10**9}, {"epoch_s": 20.5}, {"rotation_epochs": 0}, {"rotation_epochs": 10**6}],
)
def test_times_that_can_not_be(option: dict):
    with pytest.raises(InvalidNetworkOption) as caught:
        NetworkOptions(**option)
    assert {caught.value.fields["option"]} == set(option)


def test_names_tell_the_layer_where_it_stays():
    assert mix_names(1, is_drawn=False) == [("mix-1", 1), ("mix-2", 2), ("mix-3", 3)]
    assert [name for name, _ in mix_names(2, is_drawn=False)] == [
        "mix-1-1", "mix-1-2", "mix-2-1", "mix-2-2", "mix-3-1", "mix-3-2",
    ]  # fmt: skip
    assert [name for name, _ in mix_names(2, is_drawn=True)] == [f"mix-{number}" for number in range(1, 7)]
    assert gateway_names("exit", 3) == ["exit", "exit-2", "exit-3"]
