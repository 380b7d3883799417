import dataclasses
import inspect
from typing import get_args

import pytest

from mix_protocol.gateway import events


def test_every_event_belongs_to_one_side():
    defined = {cls for cls in vars(events).values() if inspect.isclass(cls) and cls.__module__ == events.__name__}
    of_client, of_session = set(get_args(events.ClientEvent)), set(get_args(events.SessionEvent))
    assert of_client | of_session == defined
    assert not of_client & of_session


@pytest.mark.parametrize("cls", [*get_args(events.ClientEvent), *get_args(events.SessionEvent)])
def test_events_cannot_be_changed(cls):
    event = cls(*[None] * len(dataclasses.fields(cls)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(event, dataclasses.fields(cls)[0].name, 1)


def test_no_key_and_no_payload_is_shown():
    assert repr(events.Registered(b"secret")) == "Registered()"
    assert repr(events.PayloadPushed(b"secret")) == "PayloadPushed()"
    assert "secret" not in repr(events.ClientRegistered(b"identity", b"secret"))
