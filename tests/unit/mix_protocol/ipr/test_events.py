import dataclasses
import inspect
from typing import get_args

import pytest

from mix_protocol.ipr import events


def test_the_union_names_every_event():
    defined = {cls for cls in vars(events).values() if inspect.isclass(cls) and cls.__module__ == events.__name__}
    assert set(get_args(events.IprEvent)) == defined


@pytest.mark.parametrize("cls", get_args(events.IprEvent))
def test_events_cannot_be_changed(cls):
    event = cls(*[None] * len(dataclasses.fields(cls)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(event, dataclasses.fields(cls)[0].name, 1)


def test_no_traffic_is_shown():
    assert repr(events.PacketReceived(b"secret")) == "PacketReceived()"
