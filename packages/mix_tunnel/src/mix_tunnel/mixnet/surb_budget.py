"""How many reply SURBs to send along, given what the recipient must still have of earlier ones.

Each SURB costs four Diffie-Hellman chains to make and 460 bytes to send, and a message is padded to whole fragments
anyway. So SURBs that fit in the padding cost no packet, and those that do not are left out while there are plenty.
"""

from __future__ import annotations

from mix_protocol.messages.fragment import UNLINKED_HEADER_LENGTH
from mix_protocol.messages.geometry import SENDER_TAG_LENGTH, fragment_length
from mix_protocol.sphinx.geometry import PacketSize

PLENTIFUL = 60
"""Below this, the recipient gets what it is due and what else fits in the padding; from here on, only what fits."""
ENOUGH = 200
"""From so many on, the recipient gets none; published clients ask for no more either."""
RESERVE = 10
"""What a recipient keeps back to ask for more; so many it has left when it asks."""
REFILL_S = 5.0

_SURB_LENGTH = 460
_OVERHEAD = 1 + SENDER_TAG_LENGTH + 1 + 4 + 1  # type, sender tag, content tag, head of the SURB list, padding mark
_REPLY_OVERHEAD = 1 + 1 + 1  # type, content tag, padding mark
_ROOM = fragment_length(PacketSize.REGULAR) - UNLINKED_HEADER_LENGTH


class SurbBudget:
    """An estimate of the SURBs that one recipient holds. Lost packets make it too high, until the recipient asks."""

    def __init__(self) -> None:
        self.stock = 0

    def give(self, count: int) -> None:
        """Note that SURBs are sent."""
        self.stock += count

    def note_reply(self, length: int) -> None:
        """Note that a reply of `length` bytes came; each of its fragments used a SURB up."""
        self.stock = max(0, self.stock - -(-(_REPLY_OVERHEAD + length) // _ROOM))

    def note_request(self, granted: int) -> None:
        """Note that the recipient asked for more, and how many it gets."""
        self.stock = RESERVE + granted

    def choose(self, due: int, length: int) -> int:
        """How many to send with a message of `length` bytes, when `due` would be sent without this estimate."""
        if not due or self.stock >= ENOUGH:
            return 0
        if self.stock >= PLENTIFUL:
            return min(due, _free(fragments_of(length, 0), length))
        return max(due, _free(fragments_of(length, due), length))


def balanced_surbs(length: int) -> int:
    """How many SURBs to send with a message of `length` bytes, so that there is one for each of its packets."""
    return -(-(_OVERHEAD + length) // (_ROOM - _SURB_LENGTH))


BALANCED_MESSAGE_LENGTH = _ROOM - _SURB_LENGTH - _OVERHEAD
"""The longest message that takes one packet, when each packet has a SURB."""


class SurbGrants:
    """Bounds what requests for SURBs may cost: `most` at once, and no more than that every `REFILL_S` seconds."""

    def __init__(self, most: int, now: float) -> None:
        self._most = most
        self._left = float(most)
        self._counted_at = now

    def take(self, amount: int, now: float) -> int:
        """Tell how many of the requested SURBs are granted."""
        refill = (now - self._counted_at) * self._most / REFILL_S
        self._left = min(float(self._most), self._left + refill)
        self._counted_at = now
        granted = min(amount, int(self._left))
        self._left -= granted
        return granted


def fragments_of(length: int, surbs: int) -> int:
    """How many fragments a message of `length` bytes with so many SURBs takes."""
    return -(-(_OVERHEAD + length + surbs * _SURB_LENGTH) // _ROOM)


def _free(fragments: int, length: int) -> int:
    """How many SURBs fit in so many fragments beside the message."""
    return (fragments * _ROOM - _OVERHEAD - length) // _SURB_LENGTH
