import pytest

from mix_protocol.codec.bincode import BincodeReader, BincodeWriter
from mix_protocol.codec.reader import MalformedMessage
from mix_protocol.ipr.timestamp import Timestamp


def written(moment: Timestamp) -> bytes:
    writer = BincodeWriter()
    moment.write(writer)
    return writer.finish()


def test_the_bytes_of_a_moment():
    """Nym spec: the timestamp of the derived connect request."""
    moment = Timestamp(2024, 1, 12, 59, 59, 500_000_000)
    assert written(moment).hex() == "fb0fd0" + "01" + "0c3b3b" + "fc1dcd6500" + "000000"


@pytest.mark.parametrize(
    "moment",
    [
        Timestamp(1969, 365, 23, 59, 59, 999_999_999),
        Timestamp(-1, 366, 0, 0, 0, 0),
        Timestamp(2026, 1, 0, 0, 0, 0, (-12, -30, -1)),
        Timestamp(9999, 1, 12, 0, 0, 1, (14, 0, 0)),
    ],
)
def test_timestamps_come_back(moment):
    reader = BincodeReader(written(moment), "timestamp")
    assert Timestamp.read(reader) == moment
    assert reader.remaining == 0


@pytest.mark.parametrize(
    "moment",
    [
        Timestamp(2026, 0, 0, 0, 0, 0),
        Timestamp(2026, 367, 0, 0, 0, 0),
        Timestamp(2026, 1, 24, 0, 0, 0),
        Timestamp(2026, 1, 0, 60, 0, 0),
        Timestamp(2026, 1, 0, 0, 60, 0),
        Timestamp(2026, 1, 0, 0, 0, 1_000_000_000),
    ],
)
def test_times_of_no_day_are_refused(moment):
    with pytest.raises(MalformedMessage):
        Timestamp.read(BincodeReader(written(moment), "timestamp"))


def test_unix_time_becomes_a_timestamp():
    assert Timestamp.from_unix(0) == Timestamp(1970, 1, 0, 0, 0, 0)
    assert Timestamp.from_unix(1704113999.5) == Timestamp(2024, 1, 12, 59, 59, 500_000_000)
    assert Timestamp.from_unix(1735603200) == Timestamp(2024, 366, 0, 0, 0, 0)
