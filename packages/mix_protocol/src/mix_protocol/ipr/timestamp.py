"""The moment a request was made, in the nine numbers that the wire wants."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from mix_protocol.codec.bincode import BincodeReader, BincodeWriter
from mix_protocol.codec.reader import MalformedMessage

_I32_ZIGZAG_MAX = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A date and time with its offset from UTC (Rust `time::OffsetDateTime` in bincode).

    day -- day of the year, 1 to 366
    offset -- hours, minutes and seconds east of Greenwich
    """

    year: int
    day: int
    hour: int
    minute: int
    second: int
    nanosecond: int
    offset: tuple[int, int, int] = (0, 0, 0)

    @classmethod
    def from_unix(cls, seconds: float) -> Timestamp:
        """The UTC time of a Unix time, to the microsecond."""
        moment = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=seconds)
        day = moment.timetuple().tm_yday
        return cls(moment.year, day, moment.hour, moment.minute, moment.second, moment.microsecond * 1000)

    def write(self, writer: BincodeWriter) -> None:
        """Append it to a message."""
        writer.sint(self.year).uint(self.day).u8(self.hour).u8(self.minute).u8(self.second).uint(self.nanosecond)
        writer.raw(bytes(part & 0xFF for part in self.offset))

    @classmethod
    def read(cls, reader: BincodeReader) -> Timestamp:
        """Read it from a message; raises `MalformedMessage` for what is no time."""
        year = reader.uint(_I32_ZIGZAG_MAX)
        day, hour, minute, second = reader.uint(366), reader.u8(), reader.u8(), reader.u8()
        nanosecond = reader.uint(999_999_999)
        if day < 1 or hour > 23 or minute > 59 or second > 59:
            raise MalformedMessage("timestamp", "it is no time of any day")
        hours, minutes, seconds = (byte - 256 if byte > 127 else byte for byte in reader.take(3))
        return cls((year >> 1) ^ -(year & 1), day, hour, minute, second, nanosecond, (hours, minutes, seconds))
