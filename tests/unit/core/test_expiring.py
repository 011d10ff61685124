"""The cache whose entries live for seconds."""

from core.expiring import Expiring


def test_entry_is_forgotten_when_its_time_is_over() -> None:
    time = [0.0]
    cache: Expiring[str, int] = Expiring(5, clock=lambda: time[0])
    cache.put("a", 1)

    time[0] = 4.9
    assert cache.get("a") == 1
    time[0] = 5.0
    assert cache.get("a") is None


def test_oldest_entry_goes_first_when_it_is_full() -> None:
    cache: Expiring[str, int] = Expiring(5, max_entries=2)
    for key, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        cache.put(key, value)

    assert [cache.get(k) for k in "abc"] == [3, None, 4]


def test_unwanted_values_are_dropped() -> None:
    cache: Expiring[str, int] = Expiring(5)
    cache.put("a", 1)
    cache.put("b", 2)

    cache.forget(lambda value: value == 1)

    assert [cache.get(k) for k in "ab"] == [None, 2]
