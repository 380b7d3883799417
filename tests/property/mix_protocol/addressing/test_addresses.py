from ipaddress import IPv4Address, IPv6Address

from hypothesis import given
from hypothesis import strategies as st

from mix_protocol.addressing import NodeAddress, Recipient
from mix_protocol.errors import PeerMisbehaved

IPS = st.integers(0, 2**32 - 1).map(IPv4Address) | st.integers(0, 2**128 - 1).map(IPv6Address)
ADDRESSES = st.builds(NodeAddress, IPS, st.integers(0, 0xFFFF))
KEYS = st.binary(min_size=32, max_size=32)
RECIPIENTS = st.builds(Recipient, KEYS, KEYS, KEYS)


@given(ADDRESSES, st.binary(max_size=20))
def test_node_addresses_come_back(address: NodeAddress, after: bytes):
    encoded = address.encode()
    assert NodeAddress.decode_prefix(encoded + after) == (address, len(encoded))
    assert NodeAddress.decode(address.encode_padded(32)) == address


@given(st.binary(max_size=40))
def test_any_bytes_are_a_node_address_or_misbehaviour(data: bytes):
    try:
        address, consumed = NodeAddress.decode_prefix(data)
    except PeerMisbehaved:
        return
    assert address.encode() == data[:consumed]


@given(RECIPIENTS)
def test_recipients_come_back(recipient: Recipient):
    assert Recipient.decode(recipient.encode()) == recipient
    assert Recipient.from_text(recipient.to_text()) == recipient


@given(st.text(max_size=200) | st.from_regex(r"[1-9A-z.@]{0,150}"))
def test_any_text_is_a_recipient_or_misbehaviour(text: str):
    try:
        recipient = Recipient.from_text(text)
    except PeerMisbehaved:
        return
    assert recipient.to_text() == text


@given(st.binary(max_size=120) | st.binary(min_size=96, max_size=96))
def test_any_bytes_are_a_recipient_or_misbehaviour(data: bytes):
    try:
        recipient = Recipient.decode(data)
    except PeerMisbehaved:
        return
    assert recipient.encode() == data
