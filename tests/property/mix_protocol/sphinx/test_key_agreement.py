"""One multiplication by a product of scalars is the chain of X25519 steps that it stands for."""

from hypothesis import example, given
from hypothesis import strategies as st

from mix_protocol.crypto.provider import InvalidPublicKey
from mix_protocol.sphinx.curve import CURVE_ORDER, clamp, is_on_curve, secret_for_scalar
from mix_protocol.sphinx.key_agreement import agree_with_route, chain_x25519
from mix_protocol.sphinx.keys import expand_shared_secret

SECRETS = st.binary(min_size=32, max_size=32)
TWIST_POINT = (2).to_bytes(32, "little")


@given(st.lists(SECRETS, min_size=1, max_size=5), SECRETS)
@example([bytes(32)] * 5, b"\xff" * 32)
@example([b"\xff" * 32] * 5, bytes(32))
def test_the_product_is_the_chain_on_the_curve(crypto, secrets: list[bytes], node_secret: bytes):
    point = crypto.x25519_public(node_secret)
    assert is_on_curve(point)
    product = 1
    for secret in secrets:
        product = product * clamp(secret) % CURVE_ORDER
    at_once = secret_for_scalar(product)
    assert at_once is not None
    assert crypto.x25519(at_once, point) == chain_x25519(crypto, secrets, point)


@given(SECRETS, st.lists(st.tuples(SECRETS, st.booleans()), min_size=1, max_size=5))
def test_keys_are_agreed_as_if_step_by_step(crypto, initial_secret: bytes, hops: list[tuple[bytes, bool]]):
    publics = [crypto.x25519(secret, TWIST_POINT) if twist else crypto.x25519_public(secret) for secret, twist in hops]
    assert [is_on_curve(public) for public in publics] == [not twist for _, twist in hops]
    steps, expected = [initial_secret], []
    for public in publics:
        expected.append(expand_shared_secret(crypto, chain_x25519(crypto, steps, public)))
        steps.append(expected[-1].blinding_factor)
    assert agree_with_route(crypto, initial_secret, publics) == expected


@given(st.integers(2, 2**255 - 20), SECRETS)
def test_multiplying_does_not_leave_the_group(crypto, u: int, secret: bytes):
    point = u.to_bytes(32, "little")
    try:
        multiple = crypto.x25519(secret, point)
    except InvalidPublicKey:
        return
    assert is_on_curve(multiple) == is_on_curve(point)
