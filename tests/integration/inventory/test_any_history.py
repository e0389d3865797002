"""Any history in which processes die between any two steps: Postgres is as the pure model says, then Valkey too."""

from tests.integration.inventory.any_history import play


def test_any_history_leaves_what_the_model_says(database_url: str, valkey_url: str) -> None:
    play(database_url, valkey_url, examples=8, steps=25)
