from support.error_classes import check_error_classes

from mix_protocol.node_api import errors


def test_every_class_has_a_code_a_sentence_and_a_kind():
    check_error_classes(errors, "node_api")
