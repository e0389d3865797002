"""Each failure of the embedded stack says what to do about it."""

import inspect
from pathlib import Path

import pytest

from deploy.embedded import errors
from deploy.embedded.errors import NoFreePort, PortTaken, ServerFailed, StackError

CLASSES = [
    one
    for _, one in inspect.getmembers(errors, inspect.isclass)
    if issubclass(one, StackError) and not issubclass(one, ServerFailed)
]


@pytest.mark.parametrize("failure", CLASSES, ids=lambda one: one.__name__)
def test_a_failure_names_what_happened_and_then_its_remedy(failure: type[StackError]) -> None:
    error = failure("it broke")
    what, remedy = str(error).split("\n")
    assert what == "it broke"
    assert remedy == f"→ {error.remedy}"
    assert "__doc__" in vars(failure)
    assert len(error.remedy) > 20
    assert "\n" not in error.remedy


def test_a_failed_server_shows_its_logs_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    log.write_text("".join(f"line {n}\n" for n in range(20)))
    text = str(ServerFailed("Kafka ended", log_path=log))
    assert f"log: {log}" in text
    assert "| line 19" in text
    assert "line 11\n" not in text


def test_a_taken_port_has_a_remedy_of_its_own(tmp_path: Path) -> None:
    taken = PortTaken("another has the port", log_path=tmp_path / "kafka.log")
    assert taken.remedy != ServerFailed("Kafka ended", log_path=tmp_path / "kafka.log").remedy
    assert str(taken).endswith(f"→ {taken.remedy}")


def test_a_failed_server_without_a_log_still_says_where_it_would_be(tmp_path: Path) -> None:
    assert "nothing.log" in str(ServerFailed("Kafka ended", log_path=tmp_path / "nothing.log"))


def test_the_remedy_for_ports_names_the_settings() -> None:
    assert "DANSHU_PORT_KAFKA" in NoFreePort("taken").remedy
