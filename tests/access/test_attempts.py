"""Growing delays after wrong passwords, which keep an attacker off and not the owner."""

import threading

import pytest

from chimera_storage.access import TooManyAttemptsError
from chimera_storage.access.attempts import (
    FREE_FOR_ADDRESS,
    FREE_FOR_NAME,
    LONGEST_DELAY_S,
    MOST,
    Attempts,
)
from tests.access.conftest import Clock


def tries(attempts: Attempts, address: str = "192.0.2.1", name: str = "owner") -> bool:
    try:
        attempts.begin(address, name)
    except TooManyAttemptsError:
        return False
    return True


@pytest.fixture
def attempts(clock: Clock) -> Attempts:
    return Attempts(clock)


def test_after_five_wrong_ones_each_next_waits_twice_as_long(
    attempts: Attempts, clock: Clock
) -> None:
    for _ in range(FREE_FOR_NAME):
        assert tries(attempts)
    for delay in (1, 2, 4, 8, 16, 32, 64, 128, 256, LONGEST_DELAY_S, LONGEST_DELAY_S):
        assert not tries(attempts)
        clock.forward(delay - 0.01)
        with pytest.raises(TooManyAttemptsError, match="again in 1 second") as refused:
            attempts.begin("192.0.2.1", "owner")
        assert refused.value.retry_after_s == 1
        clock.forward(0.01)
        assert tries(attempts), delay


def test_what_is_refused_does_not_make_the_wait_longer(attempts: Attempts, clock: Clock) -> None:
    for _ in range(100):
        tries(attempts)
    clock.forward(1)
    assert tries(attempts)


def test_an_attacker_elsewhere_does_not_keep_the_owner_out(attempts: Attempts) -> None:
    for number in range(1000):
        tries(attempts, address=f"198.51.100.{number % 256}")
    assert tries(attempts, address="192.0.2.1")


def test_one_address_cannot_try_one_name_after_another(attempts: Attempts, clock: Clock) -> None:
    assert sum(tries(attempts, name=f"user{n}") for n in range(1000)) == FREE_FOR_ADDRESS
    assert tries(attempts, address="192.0.2.2", name="user1")


@pytest.mark.parametrize(
    "other", ["2001:db8::2", "2001:db8:0:0:ffff::1", "2001:0db8:0000:0000:0:0:0:1"]
)
def test_a_household_of_ipv6_is_one_address(attempts: Attempts, other: str) -> None:
    for _ in range(FREE_FOR_NAME):
        assert tries(attempts, address="2001:db8::1")
    assert not tries(attempts, address=other)
    assert tries(attempts, address="2001:db8:0:1::1")


def test_an_ipv4_address_in_ipv6_clothes_is_the_same(attempts: Attempts) -> None:
    for _ in range(FREE_FOR_NAME):
        assert tries(attempts, address="192.0.2.1")
    assert not tries(attempts, address="::ffff:192.0.2.1")


def test_a_right_password_forgets_the_wrong_ones_and_so_does_an_hour(
    attempts: Attempts, clock: Clock
) -> None:
    for _ in range(FREE_FOR_NAME):
        assert tries(attempts)
    attempts.succeeded("192.0.2.1", "owner")
    assert all(tries(attempts) for _ in range(FREE_FOR_NAME))
    assert not tries(attempts)
    clock.forward(3601)
    assert all(tries(attempts) for _ in range(FREE_FOR_NAME))


def test_attempts_side_by_side_get_no_further_than_one_after_the_other(
    attempts: Attempts,
) -> None:
    got: list[bool] = []
    threads = [
        threading.Thread(target=lambda: got.extend(tries(attempts) for _ in range(50)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(got) == FREE_FOR_NAME


def test_memory_is_bounded(attempts: Attempts) -> None:
    for number in range(MOST):
        tries(attempts, address=str(number))
    assert len(attempts._failures) <= MOST
