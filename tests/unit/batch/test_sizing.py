"""Sizing: small first, then a second of work each, and smaller again towards the end."""

import itertools

import pytest

from batch.sizing import FIRST_ROWS, GROWTH, MAX_ROWS, MIN_ROWS, Pace, Paces, Sizing


def run(sizing: Sizing, partitions: int, row_s: float, overhead_s: float = 0.01) -> list[int]:
    """The sizes of so many partitions, each finished before the next is planned."""
    sizes = []
    for _ in range(partitions):
        rows = sizing.rows
        sizing.planned(rows)
        sizing.learn(rows, overhead_s + rows * row_s)
        sizes.append(rows)
    return sizes


def test_the_first_partitions_are_small_and_spread_over_the_slots() -> None:
    assert Sizing(1_000_000, slots=2).rows == FIRST_ROWS
    assert Sizing(80, slots=4).rows == 10
    assert Sizing(3, slots=4).rows == FIRST_ROWS


def test_fast_rows_reach_large_partitions_within_a_few() -> None:
    sizes = run(Sizing(100_000_000, slots=2), 12, row_s=1e-6)

    assert sizes[0] == FIRST_ROWS
    assert sizes[-1] == MAX_ROWS
    assert all(after <= before * GROWTH for before, after in itertools.pairwise(sizes))


@pytest.mark.parametrize("row_s", [0.02, 0.002, 0.0001])
def test_partitions_take_half_a_second_to_two(row_s: float) -> None:
    sizes = run(Sizing(100_000_000, slots=2), 30, row_s)

    assert 0.5 <= sizes[-1] * row_s <= 2.0


def test_a_slow_start_is_forgotten() -> None:
    sizing = Sizing(1_000_000, slots=2)
    for _ in range(2):
        sizing.learn(FIRST_ROWS, 6.0)

    sizes = run(sizing, 20, row_s=0.001)

    assert sizes[0] == MIN_ROWS
    assert 500 <= sizes[-1] <= 2000


def test_rows_that_take_seconds_get_the_smallest_partitions() -> None:
    assert run(Sizing(10_000, slots=2), 5, row_s=3.0)[-1] == MIN_ROWS


def test_large_rows_are_bounded_by_their_bytes() -> None:
    sizing = Sizing(1_000_000, slots=2)
    sizing.learn(5_000, 0.001, size_bytes=5_000 * 1024 * 1024)

    assert sizing.rows == 64


def test_towards_the_end_all_slots_get_a_share() -> None:
    sizing = Sizing(100_000, slots=4)
    sizing.learn(60_000, 0.6)
    sizing.planned(60_000)

    assert sizing.rows == 15_000
    sizing.planned(39_000)
    assert 125 < sizing.rows <= 15_000


def test_a_fixed_size_holds_whatever_is_measured() -> None:
    sizing = Sizing(1_000, slots=2, fixed=1_000)
    sizing.learn(10, 100.0)

    assert sizing.rows == 1_000


def test_partitions_are_whole_turns_of_a_step_with_several_batches_in_flight() -> None:
    sizing = Sizing(5_000, slots=2)
    first = sizing.rows
    sizing.planned(first)
    sizing.together = 256
    sizes = []
    while (left := 5_000 - first - sum(sizes)) > 0:
        rows = min(sizing.rows, left)
        sizing.planned(rows)
        sizing.learn(rows, 0.32 * -(-rows // 256))
        sizes.append(rows)

    assert first == FIRST_ROWS
    assert all(rows % 256 == 0 for rows in sizes[:-1])
    assert max(sizes) == 768
    assert sum(-(-rows // 256) for rows in sizes) == 20


def test_the_first_turns_are_bounded_however_many_rows_go_together() -> None:
    sizing = Sizing(1_000_000, slots=2)
    sizing.planned(sizing.rows)
    sizing.together = 64 * 1_024

    assert sizing.rows == 512
    sizing.learn(512, 20.0)
    assert sizing.rows == GROWTH * 512


def test_what_each_partition_costs_by_itself_does_not_hold_back_fast_rows() -> None:
    sizing = Sizing(10_000_000, slots=2)
    for rows in (FIRST_ROWS,) * 4 + (256,) * 3 + (4_096,):
        sizing.planned(rows)
        sizing.learn(rows, 0.025 + rows * 1e-6)

    assert sizing.rows > 32_768


def test_rows_that_become_slow_and_fast_again_are_followed() -> None:
    sizing = Sizing(100_000_000, slots=2)
    run(sizing, 12, row_s=1e-6)

    slow = run(sizing, 12, row_s=0.05)
    fast = run(sizing, 20, row_s=1e-6)

    assert slow[-1] <= 32
    assert fast[-1] == MAX_ROWS


def test_it_feels_its_way_until_a_partition_of_full_size_can_be_cut() -> None:
    sizing = Sizing(10_000_000, slots=2)
    assert sizing.feeling

    sizes = run(sizing, 2, row_s=1e-6, overhead_s=0.0)
    assert sizes == [FIRST_ROWS, FIRST_ROWS * GROWTH]
    assert not sizing.feeling

    assert not Sizing(1_000, fixed=10).feeling


def test_slow_rows_are_known_after_the_first_partition() -> None:
    sizing = Sizing(10_000_000, slots=2)
    run(sizing, 1, row_s=0.1)

    assert not sizing.feeling
    assert sizing.rows == 9


@pytest.mark.parametrize(("steps_s", "rows"), [(0.0001, FIRST_ROWS * GROWTH), (0.5, 32)])
def test_of_a_small_partition_the_steps_time_counts(steps_s: float, rows: int) -> None:
    sizing = Sizing(10_000_000, slots=2)
    sizing.planned(sizing.rows)
    sizing.learn(FIRST_ROWS, 0.04 + steps_s, steps_s=steps_s)

    assert sizing.rows == rows


def test_reading_that_takes_long_counts_too() -> None:
    sizing = Sizing(10_000_000, slots=2)
    sizing.planned(sizing.rows)
    sizing.learn(FIRST_ROWS, 1.65, steps_s=0.001)

    assert sizing.rows == 10


def test_with_an_earlier_pace_the_second_partition_has_its_full_size() -> None:
    earlier = Sizing(10_000_000, slots=2)
    run(earlier, 12, row_s=1e-6)

    sizing = Sizing(10_000_000, slots=2, before=earlier.pace())

    assert not sizing.feeling
    assert run(sizing, 2, row_s=1e-6) == [FIRST_ROWS, MAX_ROWS]


def test_an_earlier_pace_is_forgotten_when_rows_are_slow_now() -> None:
    sizing = Sizing(10_000_000, slots=2, before=Pace(1e-6, 100.0, MAX_ROWS))
    sizing.planned(sizing.rows)
    sizing.learn(FIRST_ROWS, 1.6)

    assert sizing.rows == 10
    assert sizing.pace() == Pace(0.1, 0.0, FIRST_ROWS)


def test_of_many_paces_the_latest_are_kept() -> None:
    paces = Paces(kept=2)
    for key in ("a", "b", "a", "c"):
        paces.note(key, Pace(1.0, 1.0, ord(key)))
    paces.note("c", None)

    assert paces.of("b") is None
    assert paces.of("a") == Pace(1.0, 1.0, ord("a"))
    assert paces.of("c") == Pace(1.0, 1.0, ord("c"))
