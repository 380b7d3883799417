import pytest

from mix_protocol.sphinx.version import SphinxVersion, has_full_payload_key


@pytest.mark.parametrize(
    ("version", "full"),
    [(1, True), (257, True), (258, True), (259, False), (260, False), (0, False), (0xFFFFFF, False)],
)
def test_which_versions_use_the_full_key(version, full):
    """Versions that nobody knows yet are read as the newest one."""
    assert has_full_payload_key(version) is full


def test_the_numbers_on_the_wire():
    assert [version.to_bytes(3, "big").hex() for version in SphinxVersion] == ["000102", "000103", "000104"]
