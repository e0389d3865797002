"""Numbers of errors at Pinduoduo's gateway, which 快团团 goes through, too.

Public integrations name these numbers; Pinduoduo publishes no list without an account.
"""

THROTTLED = frozenset({"70031", "70034", "52101", "52102", "52103"})
TOKEN = frozenset({"10016", "10018", "10019"})
RETRY = frozenset({"50000", "50001", "52001", "52002"})
