import dataclasses
import inspect
from typing import get_args

import pytest

from mix_protocol.ipr import router_events


def test_the_union_names_every_event():
    defined = {
        cls
        for cls in vars(router_events).values()
        if inspect.isclass(cls) and cls.__module__ == router_events.__name__ and dataclasses.is_dataclass(cls)
    }
    assert set(get_args(router_events.RouterEvent)) == defined


@pytest.mark.parametrize("cls", get_args(router_events.RouterEvent))
def test_events_cannot_be_changed_and_show_no_tag(cls):
    event = cls(*[b"secret"] + [None] * (len(dataclasses.fields(cls)) - 1))
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.sender_tag = b""
    assert "secret" not in repr(event)
