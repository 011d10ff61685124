"""The emulator's long polls: a message that arrives ends the wait for it."""

import asyncio
import time

from infra.emulator.waking import Waking

LONG_S = 100.0


def test_a_call_ends_the_sleeps_of_now() -> None:
    waking = Waking()
    send = waking.after(lambda text: text.upper())

    async def both() -> str:
        sleeps = [asyncio.create_task(waking.module().sleep(LONG_S)) for _ in range(2)]
        await asyncio.sleep(0)
        sent: str = await asyncio.to_thread(send, "sent")
        await asyncio.gather(*sleeps)
        return sent

    began = time.monotonic()
    assert asyncio.run(both()) == "SENT"
    assert time.monotonic() - began < LONG_S


def test_a_call_that_fails_wakes_too() -> None:
    waking = Waking()

    async def both() -> None:
        sleep = asyncio.create_task(waking.sleep(LONG_S))
        await asyncio.sleep(0)
        try:
            waking.after(int)("no number")
        except ValueError:
            await sleep

    began = time.monotonic()
    asyncio.run(both())
    assert time.monotonic() - began < LONG_S


def test_without_a_call_the_sleep_ends_by_itself() -> None:
    waking = Waking()
    asyncio.run(waking.sleep(0.01))
    waking.wake()  # nobody is left that could be woken
    assert not waking._waiting
