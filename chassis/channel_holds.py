"""Why a channel forbids shipping (`OrderPlaced.hold`, `OrderAmended.hold`), where services have to know more than that it does.

Guarantees: ingest writes the word that the others read. Every other hold is a word for people.
"""

from typing import Final

SHIPPED_ELSEWHERE: Final = "shipped_elsewhere"
"""All of the order has left, and not from us. An order that is placed with it is told at its end: nothing is to be sent."""
