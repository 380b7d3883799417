import pytest

from mix_protocol.ipr.bundle import MAX_BUNDLE_LENGTH, Bundler, encode_bundle, split_bundle


def test_packets_come_back():
    packets = [b"a", b"bb" * 700, b"c" * 1500]
    assert split_bundle(encode_bundle(packets)) == packets


@pytest.mark.parametrize(
    ("bundle", "packets"),
    [
        (b"", []),
        (b"\0", []),
        (b"\0\1", []),
        (b"\0\5abcd", []),
        (b"\0\1a\0\2b", [b"a"]),
        (b"\0\1a\0", [b"a"]),
        (b"\0\0\0\1a", [b"a"]),
        (b"\0\0" * 5, []),
    ],
)
def test_short_tails_and_empty_packets_are_left_out(bundle, packets):
    assert split_bundle(bundle) == packets


def test_packets_wait_until_a_bundle_is_full():
    bundler = Bundler()
    assert bundler.add(b"a" * 600) == []
    assert bundler.add(b"b" * 600) == []
    assert bundler.add(b"c" * 600) == [[b"a" * 600, b"b" * 600]]
    assert len(bundler) == 1
    assert bundler.flush() == [b"c" * 600]
    assert len(bundler) == 0


def test_a_packet_that_leaves_no_room_goes_at_once():
    bundler = Bundler()
    assert bundler.add(b"a" * 1480) == [[b"a" * 1480]]
    assert bundler.add(b"a" * 100) == []
    assert bundler.add(b"b" * 1490) == [[b"a" * 100], [b"b" * 1490]]


def test_a_packet_larger_than_a_bundle_travels_alone():
    bundler = Bundler()
    bundler.add(b"a")
    assert bundler.add(b"b" * 9000) == [[b"a"], [b"b" * 9000]]


def test_bundles_are_at_most_1500_bytes_long():
    bundler = Bundler()
    groups = [group for size in (40, 52, 700, 60, 1000, 40, 498, 1458) for group in bundler.add(b"x" * size)]
    groups.append(bundler.flush())
    assert max(len(encode_bundle(group)) for group in groups) <= MAX_BUNDLE_LENGTH
    assert sum(len(group) for group in groups) == 8


def test_the_number_of_packets_can_be_limited():
    bundler = Bundler(max_packets=2)
    assert bundler.add(b"a") == []
    assert bundler.add(b"b") == [[b"a", b"b"]]


@pytest.mark.parametrize("packet", [b"", b"x" * 65536])
def test_what_is_no_packet(packet):
    with pytest.raises(ValueError, match="1 to 65535"):
        Bundler().add(packet)
