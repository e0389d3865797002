"""How long a call to somebody else may take, and how many may be open: one word for every HTTP client."""

CALL_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 2.0
CONNECTIONS_MAX = 50
