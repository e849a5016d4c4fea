"""Which 8-bit encoding: by what reads as Arabic or French, with a probability that holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.extraction.encodings.codepages import CANDIDATES, OTHER, probabilities

SEED = (Path(__file__).parents[2] / "seeds/000_68ec81c8af20b3f5.txt").read_text(encoding="utf-8")


def pieces(letters: int) -> list[str]:
    """Return the seed's words in runs of so many letters at least, from every second word on."""
    words = SEED.split()
    found = []
    for start in range(0, len(words), 2):
        for end in range(start + 1, len(words)):
            piece = " ".join(words[start:end])
            if sum("ء" <= char <= "ي" for char in piece) >= letters:
                found.append(piece)
                break
    return found


@pytest.mark.parametrize("name", ["windows-1256", "iso-8859-6"])
def test_twenty_letters_are_enough(name: str) -> None:
    found = [probabilities(piece.encode(name, "ignore")) for piece in pieces(20)]
    sure = sum(next(iter(ranked)) == name and ranked[name] > 0.9 for ranked in found)
    assert len(found) > 300
    assert sure >= 0.99 * len(found)


@pytest.mark.parametrize("name", ["windows-1256", "iso-8859-6"])
@pytest.mark.parametrize("letters", [3, 5, 8, 12])
def test_what_is_sure_is_right_and_what_is_not_says_so(name: str, letters: int) -> None:
    right: list[bool] = []
    said: list[float] = []
    for piece in pieces(letters):
        content = piece.encode(name, "ignore")
        best, probability = next(iter(probabilities(content).items()))
        right.append(best != OTHER and content.decode(best) == content.decode(name))
        said.append(probability)
    sure = [ok for ok, probability in zip(right, said, strict=True) if probability > 0.9]
    assert sum(sure) >= 0.99 * len(sure)
    assert sum(said) / len(said) <= sum(right) / len(right) + 0.02


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("l’été à Paris, où l’élève a déjà reçu", "windows-1252"),
        ("العراق والبلاد", "windows-1256"),
        ("Россия", OTHER),
    ],
)
def test_the_best(text: str, name: str) -> None:
    content = text.encode("koi8-r" if name == OTHER else name)
    assert next(iter(probabilities(content))) == name


def test_what_reads_alike_has_one_place() -> None:
    assert "windows-1256" not in probabilities("déjà".encode("windows-1252"))
    assert "windows-1256" in probabilities("ÉTÉ".encode("windows-1252"))
    assert "iso-8859-6" not in probabilities("دار".encode("windows-1256"))


def test_what_cannot_be_read_has_none() -> None:
    assert "iso-8859-6" not in probabilities("في قلب كل مدينة".encode("windows-1256"))


def test_what_is_declared_is_likelier() -> None:
    content = "نص".encode("windows-1256")
    for name in ("windows-1256", "iso-8859-6"):
        assert probabilities(content, name)[name] > 0.9
        assert probabilities(content)[name] < 0.9


@given(st.binary(max_size=300), st.sampled_from(["", *CANDIDATES]))
def test_probabilities_of_any_bytes(content: bytes, declared: str) -> None:
    found = list(probabilities(content, declared).values())
    assert found == sorted(found, reverse=True)
    assert sum(found) == pytest.approx(1)
