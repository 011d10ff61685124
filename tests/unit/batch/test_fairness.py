"""Fairness: the window is shared between organizations, then between the batches of one."""

from contextlib import ExitStack
from typing import Any

from batch.fairness import ALWAYS, WINDOW_PER_SLOT, Share, Window


def opened(stack: ExitStack, window: Window, *orgs: str, **how: Any) -> list[Share]:
    return [stack.enter_context(window.share(org, wake=lambda: None, **how)) for org in orgs]


def filled(window: Window, shares: list[Share]) -> None:
    """Every batch takes, in turns, until none gets any more."""
    while any([window.take(share) for share in shares]):  # noqa: C419 - all of them ask in every turn
        pass


def settled(window: Window, shares: list[Share]) -> list[int]:
    """How many each has once partitions have come and gone for a while."""
    filled(window, shares)
    for _ in range(40):
        for share in shares:
            if share.in_flight:
                window.give(share)
        filled(window, shares)
    return [share.in_flight for share in shares]


def test_one_batch_alone_fills_the_window_and_no_more() -> None:
    window = Window(lambda: 8)
    with ExitStack() as stack:
        (alone,) = opened(stack, window, "a")

        assert settled(window, [alone]) == [8 * WINDOW_PER_SLOT]


def test_organizations_get_equal_parts_however_many_batches_they_have() -> None:
    window = Window(lambda: 16)
    with ExitStack() as stack:
        shares = opened(stack, window, "a", "a", "a", "b")

        *several, one = settled(window, shares)

    assert one == 16
    assert sorted(several) == [5, 5, 6]


def test_a_batch_that_comes_late_starts_at_once_and_grows_to_its_part() -> None:
    window = Window(lambda: 8)
    with ExitStack() as stack:
        (first,) = opened(stack, window, "a")
        filled(window, [first])
        (late,) = opened(stack, window, "b")

        filled(window, [late])

        assert (first.in_flight, late.in_flight) == (16, ALWAYS)
        assert settled(window, [first, late]) == [8, 8]


def test_a_weight_gives_an_organization_more() -> None:
    window = Window(lambda: 12)
    with ExitStack() as stack:
        heavy, light = opened(stack, window, "a", weight=3.0) + opened(stack, window, "b")

        assert settled(window, [heavy, light]) == [18, 6]


def test_a_higher_priority_goes_first_within_its_organization_alone() -> None:
    window = Window(lambda: 12)
    with ExitStack() as stack:
        (low,) = opened(stack, window, "a")
        (high,) = opened(stack, window, "a", priority=5)
        (other,) = opened(stack, window, "b")

        assert settled(window, [low, high, other]) == [ALWAYS, 10, 12]


def test_who_waits_is_woken_when_there_is_room() -> None:
    window = Window(lambda: 2)
    woken: list[str] = []
    with ExitStack() as stack:
        first = stack.enter_context(window.share("a", wake=lambda: woken.append("a")))
        second = stack.enter_context(window.share("b", wake=lambda: woken.append("b")))
        filled(window, [first])
        filled(window, [second])
        assert not window.take(second)

        window.sated(first)
        window.give(first)

    assert set(woken) == {"b"}
