"""Names of people, as own stores take them in two fields."""

import re

from services.ingest.channels._wire import Text, clean

_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")


def full_name(first: Text, last: Text) -> str:
    """Return one name: family name first and without a blank where it is written in Chinese."""
    given, family = clean(first).strip(), clean(last).strip()
    if given and family and _HAN.search(given) and _HAN.search(family):
        return family + given
    return f"{given} {family}".strip()
