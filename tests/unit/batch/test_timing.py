"""Timing: what the driver did, and how long workers had nothing to do."""

import time

from batch.timing import COMMIT, RUN, Timing


def test_what_is_left_of_the_wall_time_opened_and_ended_the_batch() -> None:
    timing = Timing()
    timing.slots = 2
    began = time.perf_counter()
    with timing.of(RUN), timing.of(COMMIT):
        time.sleep(0.02)
    run_s = time.perf_counter() - began

    told = timing.told(wall_s=run_s + 1.0, worked_s=0.01)

    driver = told["driver_seconds"]
    assert driver["open"] >= 1.0
    assert 0.02 <= driver["commit"] <= driver["run"] <= round(run_s, 3)
    assert 0.03 <= told["idle_s"] <= 2 * run_s


def test_more_work_than_slots_leaves_nothing_idle() -> None:
    timing = Timing()
    timing.slots = 1
    with timing.of(RUN):
        pass

    assert timing.told(wall_s=0.0, worked_s=5.0)["idle_s"] == 0.0
    assert timing.told(wall_s=0.0, worked_s=5.0)["driver_seconds"]["open"] == 0.0
