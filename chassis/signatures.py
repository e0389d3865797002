"""Worked examples of signatures: what every plug-in that signs or verifies can be held to.

Guarantees: a vector carries no key of ours, only what was made up for it; a plug-in answers it with the
functions it signs and verifies with, so that a vector which passes says something about real calls.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

ACCEPT: Final = "ACCEPT"
REJECT: Final = "REJECT"


class SignatureVector(msgspec.Struct, frozen=True, kw_only=True):
    """One worked example of a signature.

    `given` is what to verify, "" when it is to be computed. A field or secret that is no text is JSON.
    `algorithm` is the vector's own words; only who signs in several ways reads them.
    """

    kind: str
    secret: str
    fields: Mapping[str, str]
    given: str = ""
    algorithm: str = ""
