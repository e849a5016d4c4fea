"""Answers wait in order, in a file that does not grow past its bound."""

from __future__ import annotations

import asyncio
import random

import pytest

from api import spool
from api.spool import Spool, Unread


def test_what_goes_in_comes_out_in_order() -> None:
    async def play(most: int) -> None:
        chance = random.Random(most)
        waiting = Spool(most)
        sent, got = bytearray(), bytearray()

        async def write() -> None:
            for _ in range(200):
                piece = chance.randbytes(chance.randrange(3 * most // 2))
                sent.extend(piece)
                await waiting.write(piece)
                if chance.random() < 0.3:
                    await asyncio.sleep(0)
            waiting.end()

        writing = asyncio.create_task(write())
        while piece := await waiting.read():
            got.extend(piece)
            size = waiting._file.seek(0, 2)
            assert size <= most
        await writing
        waiting.close()
        assert got == sent

    for most in (10, 1_000, 300_000):
        asyncio.run(play(most))


def test_it_goes_to_a_file_when_it_is_much() -> None:
    async def play() -> None:
        waiting = Spool()
        await waiting.write(b"x" * (spool.IN_MEMORY + 1))
        assert isinstance(waiting._file.fileno(), int)
        waiting.end()
        size = 0
        while piece := await waiting.read():
            size += len(piece)
        assert size == spool.IN_MEMORY + 1
        waiting.close()

    asyncio.run(play())


def test_without_a_reader_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "UNREAD", 0.01)

    async def play() -> None:
        waiting = Spool(10)
        try:
            await waiting.write(b"0123456789")
            with pytest.raises(Unread):
                await waiting.write(b"x")
            assert await waiting.read() == b"0123456789"
            await waiting.write(b"y")
            waiting.end()
            assert [await waiting.read(), await waiting.read()] == [b"y", b""]
        finally:
            waiting.close()

    asyncio.run(play())
