import subprocess
import sys

import pytest

# Faust warns while it is imported (its own deprecations), so it is met in a process of its own.
SHOW = """
import sys, json
from services.insight.connection import credentials
from chassis.errors import StartRefused
try:
    found = credentials(json.loads(sys.argv[1]))
except StartRefused as refusal:
    print("refused", refusal)
else:
    print(found.protocol.value if found else None, getattr(found, "mechanism", ""))
"""


def shown(options: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", SHOW, options], capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("{}", "None"),
        ('{"socket.timeout.ms": "5"}', "None"),
        ('{"security.protocol": "SSL"}', "SSL"),
        (
            '{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-512"}',
            "SCRAM_SHA_512",
        ),
        (
            '{"security.protocol": "SASL_SSL", "sasl.username": "u", "sasl.password": "p"}',
            "SASL_SSL",
        ),
        ('{"sasl.mechanism": "GSSAPI", "security.protocol": "SASL_PLAINTEXT"}', "refused"),
        ('{"ssl.cipher.suites": "x"}', "refused"),
    ],
)
def test_kafka_options_are_honoured_or_refused(options: str, expected: str) -> None:
    assert expected in shown(options)
