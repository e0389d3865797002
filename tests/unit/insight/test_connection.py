import json
import subprocess
import sys

import pytest

# Faust warns while it is imported (its own deprecations), so it is met in a process of its own, once.
SHOW = """
import json, sys
from chassis.errors import StartRefused
from services.insight.connection import credentials
found = {}
for text in json.loads(sys.argv[1]):
    try:
        made = credentials(json.loads(text))
    except StartRefused:
        found[text] = "refused"
    else:
        found[text] = made and f"{made.protocol.value} {getattr(made, 'mechanism', '')}"
print(json.dumps(found))
"""
ROWS = {
    "{}": None,
    '{"socket.timeout.ms": "5"}': None,
    '{"security.protocol": "SSL"}': "SSL ",
    '{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-512"}': (
        "SASL_PLAINTEXT SASLMechanism.SCRAM_SHA_512"
    ),
    '{"security.protocol": "SASL_SSL", "sasl.username": "u", "sasl.password": "p"}': (
        "SASL_SSL SASLMechanism.PLAIN"
    ),
    '{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "GSSAPI"}': "refused",
    '{"security.protocol": "NONE"}': "refused",
    '{"ssl.cipher.suites": "x"}': "refused",
    '{"enable.ssl.certificate.verification": "false"}': "refused",
}


@pytest.fixture(scope="module")
def shown() -> dict[str, str | None]:
    ran = subprocess.run(
        [sys.executable, "-c", SHOW, json.dumps(list(ROWS))],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, str | None] = json.loads(ran.stdout)
    return found


@pytest.mark.parametrize("options", list(ROWS))
def test_kafka_options_are_honoured_or_refused(shown: dict[str, str | None], options: str) -> None:
    assert shown[options] == ROWS[options]
