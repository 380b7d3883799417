import pytest

from mix_protocol import errors
from mix_protocol.errors import Closed, MixError, NetworkFailure, PeerMisbehaved, UsageError


class CupTooHot(NetworkFailure):
    """For these tests."""

    code = "test.cup_too_hot"
    message = "the cup is too hot; wait a little"


def test_an_error_has_its_class_sentence_and_code():
    error = CupTooHot()
    assert str(error) == "the cup is too hot; wait a little"
    assert (error.code, error.retryable, dict(error.fields)) == ("test.cup_too_hot", True, {})


def test_a_sentence_and_fields_can_be_given():
    error = CupTooHot("much too hot", degrees=99.5)
    assert str(error) == "much too hot"
    assert error.fields == {"degrees": 99.5}


def test_errors_cross_a_border_and_come_back_as_their_class():
    error = CupTooHot("hot", degrees=70)
    again = errors.revive(error.code, str(error), error.fields)
    assert type(again) is CupTooHot
    assert (str(again), again.fields) == ("hot", {"degrees": 70})


def test_a_class_with_its_own_constructor_is_revived_without_it():
    from mix_protocol.codec.reader import MalformedMessage

    error = MalformedMessage("letter", "it is torn")
    again = errors.revive(error.code, str(error), error.fields)
    assert type(again) is MalformedMessage
    assert str(again) == "malformed letter: it is torn"
    assert again.fields == {"what": "letter", "why": "it is torn"}


def test_an_unknown_code_still_gives_an_error():
    error = errors.revive("from.the_future", "no idea", {"a": 1})
    assert type(error) is MixError
    assert error.fields == {"a": 1, "code": "from.the_future"}


def test_two_classes_cannot_share_a_code():
    with pytest.raises(TypeError, match=r"test\.cup_too_hot"):
        type("Other", (UsageError,), {"code": "test.cup_too_hot"})


@pytest.mark.parametrize("kind", errors.KINDS)
def test_every_kind_knows_itself(kind: type[MixError]):
    assert errors.kind_of(kind) is kind


def test_kinds_of_subclasses():
    assert errors.kind_of(CupTooHot) is NetworkFailure
    assert not issubclass(Closed, PeerMisbehaved)


def test_the_registry_has_every_code():
    assert errors.registered()["test.cup_too_hot"] is CupTooHot


def test_an_advised_option_is_spelled_as_its_reader_writes_it():
    error = NetworkFailure("allow it with {force_tls=False}, or choose {preferred_gateway}")
    assert str(error) == "allow it with force_tls=False, or choose preferred_gateway"
    assert error.sentence(lambda name, value: f"<{name}|{value}>") == (
        "allow it with <force_tls|False>, or choose <preferred_gateway|None>"
    )
    again = errors.revive(error.code, error.template, error.fields)
    assert again.sentence(lambda name, value: name.upper()) == "allow it with FORCE_TLS, or choose PREFERRED_GATEWAY"


def test_braces_that_name_no_option_stay():
    text = 'JSON such as {"mix1": {"x": 3}}, {} or {Nobody}'
    assert str(NetworkFailure(text)) == text
