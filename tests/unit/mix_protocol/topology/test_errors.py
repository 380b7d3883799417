from support.error_classes import check_error_classes

from mix_protocol.topology import errors


def test_every_class_has_a_code_a_sentence_and_a_kind():
    check_error_classes(errors, "topology")


def test_what_may_be_gone_in_a_moment_is_retryable():
    assert errors.InconsistentDocuments.retryable
    assert errors.EmptyLayer.retryable
    assert not errors.MalformedDocument.retryable
    assert not errors.NoCompatibleExit.retryable
