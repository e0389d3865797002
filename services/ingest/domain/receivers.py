"""What tells an order's receiver from another one: as much as the channel lets us see, and nothing that moves by itself."""

import re

import msgspec

from services.ingest.domain.model import Receiver

# Douyin's `$index$cipher$1$$`, `#index#cipher*1*1##` and `##index##cipher*1*1##`: the doubled sign at the end says that
# an index stands first. It is made of the text alone, so that equal texts are found without being opened.
_INDEXED = re.compile(
    r"(?P<sign>\$|##?)(?P<index>[^$#]+)(?P=sign)[^$#]+(?:\$[0-9]+)?(?:\$\$|##)", re.DOTALL
)


def marks_of(receiver: Receiver) -> str:
    """Return what differs between two receivers of one order; "" where the channel tells nothing of them.

    A platform's own key decides alone: it changes with the address, while the ciphers beside it may be made anew at each
    read. Memos are no part of it.
    """
    if receiver.key:
        return receiver.key
    ciphers = (receiver.name_cipher, receiver.phone_cipher, receiver.address_cipher)
    marks = (receiver.name, receiver.phone, receiver.address, *map(_lasting, ciphers))
    return msgspec.json.encode(marks).decode() if any(marks) else ""


def _lasting(cipher: str) -> str:
    """Return the part of a cipher that is the same at each read: its search index; without one, all of it."""
    found = _INDEXED.fullmatch(cipher)
    return found["index"] if found else cipher
