"""Mailboxes, as the standard library writes them: a letter at a time, under ids that stay."""

from __future__ import annotations

import gzip
import mailbox
from email.message import EmailMessage
from pathlib import Path

import pytest

from indexer.extraction import mbox
from indexer.sources import Failure, Found
from indexer.sources.listing import list_files
from indexer.sources.reading import read_articles
from search.article_lines import PLACES
from tests.formats.parts import articles_of, broken_of, items_of
from tests.formats.reading import check_damage, refusal


def letter(text: str, number: int | None = None, **headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "سعاد <s@example.org>"
    message["Date"] = "Wed, 24 Jan 2024 23:30:00 +0300"
    if number is not None:
        message["Message-ID"] = f"<{number}@example.org>"
    for name, value in headers.items():
        message[name] = value
    message.set_content(text)
    return message


def written(folder: Path, *letters: EmailMessage) -> bytes:
    path = folder / "made.mbox"
    box = mailbox.mbox(path)
    for each in letters:
        box.add(each)
    box.close()
    content = path.read_bytes()
    path.unlink()
    return content


def test_each_letter_is_an_article(tmp_path: Path) -> None:
    content = written(
        tmp_path, letter("نص أول\n", 1, Subject="عنوان"), letter("From بغداد\nنص ثان\n", 2)
    )
    first, second = articles_of(items_of("b.mbox", content))
    assert (first.place, first.inside) == ("1", "/1@example.org")
    assert first.fields["title"] == "عنوان"
    assert first.fields["author"] == "سعاد"
    assert first.fields["published"] == "2024-01-24"
    assert str(second.fields["text"]).strip() == "From بغداد\nنص ثان"
    assert second.fields[PLACES] == [(0, "message", "2")]


def test_ids_stay_when_a_letter_comes_before(tmp_path: Path) -> None:
    one, two = letter("نص أول\n", 1), letter("نص ثان\n")
    before = articles_of(items_of("b.mbox", written(tmp_path, one, two)))
    after = articles_of(items_of("b.mbox", written(tmp_path, letter("قبلهما\n", 3), one, two)))
    assert [item.inside for item in after[1:]] == [item.inside for item in before]
    assert before[1].inside.startswith("/:")


def test_what_is_attached_as_a_letter_stands_under_its_letter(tmp_path: Path) -> None:
    outer = letter("انظر\n", 1)
    outer.add_attachment(letter("الأصل\n", 2))
    found = articles_of(items_of("b.mbox", written(tmp_path, outer, letter("الأصل\n", 2))))
    assert [(item.place, item.inside) for item in found] == [
        ("1", "/1@example.org"),
        ("1.1", "/1@example.org/2@example.org"),
        ("2", "/2@example.org"),
    ]


def test_a_broken_letter_fails_alone(tmp_path: Path) -> None:
    content = written(tmp_path, letter("أول\n", 1), letter("\n", 2), letter("ثالث\n", 3))
    found = items_of("b.mbox", content)
    assert [item.place for item in articles_of(found)] == ["1", "3"]
    assert [(item.place, item.code) for item in broken_of(found)] == [("2", "empty")]


def test_a_letter_that_is_too_long_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mbox, "MAX_FILE", 1_000)
    content = written(tmp_path, letter("نص\n" * 9_000, 1), letter("ثان\n", 2))
    failure, found = items_of("b.mbox", content)
    assert isinstance(failure, Failure)
    assert (failure.code, failure.place) == ("too-large", "1")
    assert found.place == "2"


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("\nFrom a@b.org Wed Jan 24 10:00:00 2024\nSubject: x\n\nنص", 2),  # begins a letter
        ("\nFrom here at ten\n\nنص", 1),  # says no time
        ("x\nFrom a@b.org Wed Jan 24 10:00:00 2024\nنص", 1),  # behind a line that is not blank
        ("\n>From a@b.org Wed Jan 24 10:00:00 2024\nنص", 1),
    ],
)
def test_where_a_letter_begins(body: str, count: int) -> None:
    content = f"From - Wed Jan 24 09:00:00 2024\nSubject: x\n\nأول\n{body}\n".encode()
    assert len(articles_of(items_of("b.mbox", content))) == count


def test_in_an_archive_and_without_a_suffix(tmp_path: Path) -> None:
    content = written(tmp_path, letter("أول\n", 1), letter("مكرر\n", 1))
    (tmp_path / "a.mbox.gz").write_bytes(gzip.compress(content))
    (tmp_path / "Inbox").write_bytes(content)  # as Thunderbird names it
    (tmp_path / "Notes").write_bytes(b"From here on: no mailbox")
    found = [item for item in read_articles(list_files([tmp_path])) if isinstance(item, Found)]
    start = f"/files{tmp_path}"
    assert [item.article.info.id for item in found] == [
        f"{start}/Inbox/1@example.org",
        f"{start}/Inbox/1@example.org",  # refused as a duplicate where articles are written
        f"{start}/a.mbox.gz/1@example.org",
        f"{start}/a.mbox.gz/1@example.org",
    ]


def test_damage(tmp_path: Path) -> None:
    assert refusal("نص".encode(), "mbox") == "damaged"
    assert refusal(b"", "mbox") == "damaged"
    check_damage(written(tmp_path, letter("أول\n", 1), letter("ثان\n")), "mbox")
