"""Ports on the real loopback: taken ones are passed over, chosen ones are held."""

import socket

import pytest

from deploy.embedded import ports
from deploy.embedded.errors import NoFreePort
from deploy.embedded.ports import LOOPBACK, is_listening, reserved


@pytest.fixture
def free() -> int:
    """A port at the beginning of some free ones."""
    with reserved({"probe": 21_000}) as chosen:
        return chosen["probe"]


def test_a_free_port_is_taken_as_preferred(free: int) -> None:
    with reserved({"broker": free}) as chosen:
        assert chosen == {"broker": free}


def test_an_occupied_port_is_passed_over(free: int) -> None:
    with socket.create_server((LOOPBACK, free)), reserved({"broker": free}) as chosen:
        assert chosen["broker"] > free


def test_two_choosers_at_the_same_moment_get_different_ports(free: int) -> None:
    with reserved({"broker": free}) as first, reserved({"broker": free}) as second:
        assert first["broker"] != second["broker"]


def test_one_chooser_with_two_names_gets_different_ports(free: int) -> None:
    with reserved({"broker": free, "controller": free}) as chosen:
        assert chosen["broker"] != chosen["controller"]


def test_a_server_can_listen_on_a_port_held_for_it(free: int) -> None:
    with reserved({"broker": free}) as chosen:
        server = socket.create_server((LOOPBACK, chosen["broker"]))
        with server:
            assert is_listening(chosen["broker"])


def test_a_port_is_free_again_after_the_block(free: int) -> None:
    with reserved({"broker": free}):
        pass
    with reserved({"broker": free}) as chosen:
        assert chosen["broker"] == free


def test_remains_of_closed_connections_do_not_shift_a_port(free: int) -> None:
    server = socket.create_server((LOOPBACK, free))
    client = socket.create_connection((LOOPBACK, free))
    accepted, _ = server.accept()
    accepted.close()  # first, so that this side is left in TIME_WAIT
    client.close()
    server.close()
    with reserved({"broker": free}) as chosen:
        assert chosen["broker"] == free


def test_a_free_port_is_none_that_a_connection_could_be_given() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        drawn = []
        for _ in range(20):
            with socket.create_connection(server.getsockname()) as client:
                drawn.append(client.getsockname()[1])
    assert max(ports.free_port() for _ in range(200)) < min(drawn)


def test_no_free_port_is_refused_with_the_range(free: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "SEARCH_LENGTH", 1)
    with (
        socket.create_server((LOOPBACK, free)),
        pytest.raises(NoFreePort, match=f"from {free} to {free}"),
        reserved({"broker": free}),
    ):
        pass
