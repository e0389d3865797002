"""Faust's way to say what `DANSHU_KAFKA_OPTIONS` says in librdkafka's words: TLS and SASL for aiokafka.

Only names that decide who is trusted are translated. One of these that we cannot honour stops the start,
because a client that silently left it out would be less safe than its settings say; the others (buffer
sizes and the like) belong to librdkafka and are left to it.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from faust.auth import SASLCredentials, SSLCredentials
from faust.types.auth import CredentialsT

from chassis.errors import StartRefused

HONOURED = frozenset(
    {
        "security.protocol",
        "sasl.mechanism",
        "sasl.mechanisms",
        "sasl.username",
        "sasl.password",
        "ssl.ca.location",
        "ssl.certificate.location",
        "ssl.key.location",
        "ssl.key.password",
    }
)
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


def credentials(options: Mapping[str, str]) -> CredentialsT | None:
    """Credentials for `faust.App(broker_credentials=…)`; None for a plaintext broker. Raises StartRefused."""
    strange = sorted(
        name
        for name in options
        if name.startswith(("security.", "sasl.", "ssl.", "enable.ssl")) and name not in HONOURED
    )
    if strange:
        raise StartRefused(
            f"insight cannot honour {', '.join(strange)} of DANSHU_KAFKA_OPTIONS: Faust's client knows "
            f"{', '.join(sorted(HONOURED))}. Drop the option, or run without insight."
        )
    match options.get("security.protocol", "plaintext").lower():
        case "plaintext":
            return None
        case "ssl":
            return SSLCredentials(_context(options))
        case "sasl_plaintext":
            return _sasl(options, None)
        case "sasl_ssl":
            return _sasl(options, _context(options))
        case other:
            raise StartRefused(f"security.protocol {other!r} is not known: use SSL or SASL_SSL")


def _sasl(options: Mapping[str, str], context: ssl.SSLContext | None) -> SASLCredentials:
    mechanism = options.get("sasl.mechanism", options.get("sasl.mechanisms", "PLAIN"))
    if mechanism not in MECHANISMS:
        raise StartRefused(f"sasl.mechanism {mechanism!r}: Faust's client knows {MECHANISMS}")
    return SASLCredentials(
        username=options.get("sasl.username"),
        password=options.get("sasl.password"),
        mechanism=mechanism,
        ssl_context=context,
    )


def _context(options: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=options.get("ssl.ca.location"))
    if certificate := options.get("ssl.certificate.location"):
        context.load_cert_chain(
            certificate, options.get("ssl.key.location"), options.get("ssl.key.password")
        )
    return context
