"""One page recognised by tesseract: a process that makes its picture and then becomes tesseract.

So whatever a page does to the library that draws PDFs, or to tesseract, costs that page and nothing
else. Network, memory, processor time and files are bounded as those of every child; it has no
audit hook (`confinement.refuse_other_work`), since no Python code that reads files runs in it.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import signal
import socket
from functools import partial
from math import sqrt
from tempfile import TemporaryFile
from typing import NoReturn

from indexer.extraction.registry import MEBIBYTE
from indexer.extraction.sandbox import confinement
from indexer.extraction.sandbox.wire import receive

MAX_PICTURE = 64 * MEBIBYTE  # bytes: of a picture's file, or pixels of a page that is drawn
DPI = 300  # what tesseract is best at

_PICTURE = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|II\*\0|MM\0\*|RIFF....WEBP|BM|GIF8[79]a|P[1-6]\s", re.DOTALL
)
_TESSDATA = ("/usr/share", "/usr/local/share")  # where its languages are
_HEAD = 32  # bytes before the pixels


def recognise(asked: socket.socket, program: list[str], memory: int, seconds: int) -> NoReturn:
    """Say this process's number, take a document with its page, and become the program.

    It reads the page's picture from its standard input, and its output goes to who asked.
    """
    # Before files are bounded to none; what is mapped may be written after.
    with TemporaryFile(buffering=0) as file:
        picture = os.dup(file.fileno())
    os.ftruncate(picture, MAX_PICTURE)
    confinement.bound(memory, seconds)
    confinement.lock_to(program[0], (os.environ.get("TESSDATA_PREFIX", ""), *_TESSDATA))
    asked.send(b"%d" % os.getpid())
    request, (document,) = receive(asked)
    signal.setitimer(signal.ITIMER_REAL, request["seconds"])  # the program keeps it
    pixels = mmap.mmap(picture, MAX_PICTURE)
    if request["kind"] == "pdf":
        size = _drawn(document, request["page"], pixels)
        program += ["--dpi", str(DPI)]
    else:
        size = os.preadv(document, [pixels], 0)
        if not _PICTURE.match(pixels):  # tesseract takes it for a list of pictures' names
            os._exit(1)
        program += ["-c", f"tessedit_page_number={request['page'] - 1}"]
    os.ftruncate(picture, size)
    os.dup2(picture, 0)
    os.dup2(asked.fileno(), 1)
    os.lseek(0, 0, os.SEEK_SET)
    os.execve(program[0], program, {**os.environ, "OMP_THREAD_LIMIT": "1"})  # noqa: S606


def _drawn(document: int, number: int, pixels: mmap.mmap) -> int:
    """Draw a PDF's page in grey as a PGM file, and return its bytes."""
    from pypdfium2 import PdfBitmap, PdfDocument  # 30 ms, and in no other process

    size = os.fstat(document).st_size
    content = (ctypes.c_ubyte * size).from_buffer(
        mmap.mmap(document, size, access=mmap.ACCESS_COPY)
    )
    page = PdfDocument(content)[number - 1]
    width, height = page.get_size()
    # A page says how large it is, and may say anything.
    scale = min(DPI / 72, sqrt((MAX_PICTURE - MEBIBYTE) / max(1, width * height)))
    buffer = (ctypes.c_ubyte * (MAX_PICTURE - _HEAD)).from_buffer(pixels, _HEAD)
    drawn = page.render(
        scale=scale,
        grayscale=True,
        may_draw_forms=False,
        bitmap_maker=partial(PdfBitmap.new_native, buffer=buffer),
    )
    pixels[:_HEAD] = b"P5%10d %14d 255\n" % (drawn.width, drawn.height)
    return _HEAD + int(drawn.width * drawn.height)
