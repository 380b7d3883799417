import pytest

from mix_protocol.topology.documents import MAX_ADDRESSES, decode_skimmed, encode_skimmed
from mix_protocol.topology.errors import DocumentTooLarge, MalformedDocument
from mix_protocol.topology.skimmed_bincode import decode_skimmed_bincode, encode_skimmed_bincode

from .conftest import gateway, mixnode, skimmed


def test_bincode_says_what_json_says():
    document = skimmed(mixnode(11, 1), gateway(1), gateway(2, entry=None, role="Inactive"))
    assert decode_skimmed_bincode(encode_skimmed_bincode(document)) == document
    assert decode_skimmed(encode_skimmed(document)) == document


def test_bincode_counts_are_checked_before_memory_is_taken():
    huge = b"\xfd" + (1 << 40).to_bytes(8, "little")
    with pytest.raises(MalformedDocument):
        decode_skimmed_bincode(b"\0\1\1\0" + b"\0\0\0" + huge)


def test_bincode_with_a_status_is_not_defined():
    with pytest.raises(MalformedDocument):
        decode_skimmed_bincode(b"\1" + bytes(50))


def test_a_cut_or_lengthened_document_is_refused():
    encoded = encode_skimmed_bincode(skimmed(mixnode(11, 1), gateway(1)))
    for wrong in (*(encoded[:length] for length in range(len(encoded))), encoded + b"\0"):
        with pytest.raises(MalformedDocument):
            decode_skimmed_bincode(wrong)


def test_too_much_of_it(monkeypatch):
    monkeypatch.setattr("mix_protocol.topology.documents.MAX_DOCUMENT_LENGTH", 10)
    with pytest.raises(DocumentTooLarge):
        decode_skimmed_bincode(bytes(11))


def test_more_addresses_than_a_node_may_have_are_malformed():
    document = skimmed(gateway(1))
    document.nodes.data[0].ip_addresses[:] = ["192.0.2.1"] * (MAX_ADDRESSES + 1)
    with pytest.raises(MalformedDocument):
        decode_skimmed_bincode(encode_skimmed_bincode(document))
