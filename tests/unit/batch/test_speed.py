"""Speed: rows a second of late, not since the beginning."""

from batch.speed import Speed


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_speed_and_time_left_follow_the_last_seconds() -> None:
    clock = Clock()
    speed = Speed(0, clock)
    rows = 0
    for rate in [10] * 60 + [1000] * 20:
        clock.now += 1.0
        rows += rate
        speed.note(rows)

    assert 900 < speed.rows_per_s(rows) <= 1000
    assert 9 < (speed.eta_s(rows, rows + 10_000) or 0) < 12


def test_nothing_is_said_of_the_rest_while_nothing_moves() -> None:
    clock = Clock()
    speed = Speed(50, clock)
    clock.now += 5.0

    assert speed.rows_per_s(50) == 0.0
    assert speed.eta_s(50, 100) is None
