"""Archives: what is in them, by which names, and what an enemy may put into one."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.extraction import archive_members, archives, packed, unpacking
from indexer.extraction.archive_names import decoded, unicode_path
from indexer.extraction.registry import Extracted, Options
from indexer.sources import Failure
from search.errors import SourceError
from tests.formats.packing import IS_THERE, MISSING, rar4, rar5, seven
from tests.formats.parts import articles_of, broken_of, items_of

Content = Mapping[str, bytes]
TEXT = "نصٌّ للفحص".encode()
LINES = b'{"id": "a", "text": "x"}\n{\n{"id": "b", "text": "y"}\n'


def zipped(members: Content, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(members: Content, form: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


PACKERS: dict[str, Callable[[Content], bytes]] = {
    "a.zip": zipped,
    "a.tar": tarred,
    "a.tgz": lambda members: gzip.compress(tarred(members)),
    "b.tar.gz": lambda members: gzip.compress(tarred(members, tarfile.GNU_FORMAT)),
    "c.gz": lambda members: gzip.compress(tarred(members, tarfile.USTAR_FORMAT)),
    "d.gz": lambda members: bz2.compress(tarred(members)),
    "e.tgz": lambda members: lzma.compress(tarred(members)),
    "f.7z": lambda members: seven(members.items()),
    "g.rar": lambda members: rar4(members.items()),
    "h.rar": lambda members: rar5(members.items()),
}
needs_libarchive = pytest.mark.skipif(not IS_THERE, reason=MISSING)
ALL = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=needs_libarchive) if name.endswith((".7z", ".rar")) else name
        for name in PACKERS
    ],
)
TWO = pytest.mark.parametrize("name", ["a.zip", "b.tar.gz"])


def read(name: str, members: Content) -> list[Extracted | Failure]:
    return items_of(name, PACKERS[name](members))


def codes(items: list[Extracted | Failure]) -> dict[str, str]:
    return {item.place: item.code for item in broken_of(items)}


def ids(items: list[Extracted | Failure]) -> list[object]:
    return [item.fields["id"] for item in articles_of(items)]


def refusal(name: str, content: bytes) -> str:
    with pytest.raises(SourceError) as caught:
        items_of(name, content)
    return caught.value.code


@ALL
def test_members_are_files_of_a_folder(name: str) -> None:
    items = read(name, {"z/b.md": "# ع\nن".encode(), "a.txt": TEXT, "n.jsonl": LINES})
    found = {item.place: item.fields for item in articles_of(items)}
    assert found["a.txt"] == {"id": f"{name}/a.txt", "text": TEXT.decode()}
    assert found["z/b.md"] == {"id": f"{name}/z/b.md", "title": "ع", "text": "# ع\nن"}
    assert found["n.jsonl:1"] == {"id": "a", "text": "x"}
    assert found["n.jsonl:3"] == {"id": "b", "text": "y"}
    assert codes(items) == {"n.jsonl:2": "not-json"}


def test_a_zip_is_read_in_the_order_of_names_and_a_tar_in_its_own() -> None:
    members = {"c.txt": TEXT, "a.txt": TEXT, "b/x.txt": TEXT}
    assert ids(read("a.zip", members)) == ["a.zip/a.txt", "a.zip/b/x.txt", "a.zip/c.txt"]
    assert ids(read("a.tar", members)) == ["a.tar/c.txt", "a.tar/a.txt", "a.tar/b/x.txt"]


@ALL
def test_metadata_stands_beside_its_member(name: str) -> None:
    members = {
        "d/a.txt": TEXT,
        "d/a.meta.json": '{"title": "ع", "id": "mine", "tags": null}'.encode(),
        "b.txt": TEXT,
        "b.meta.json": b"{",
        "c.txt": TEXT,
        "c.meta.json": b'{"text": "x"}',
        "n.jsonl": b'{"id": 1, "text": "x"}',
        "n.meta.json": b'{"title": "no"}',
    }
    items = read(name, members)
    fields = {item.place: item.fields for item in articles_of(items)}
    assert fields["d/a.txt"] == {"id": "mine", "title": "ع", "text": TEXT.decode()}
    assert fields["n.jsonl:1"] == {"id": 1, "text": "x"}
    assert codes(items) == {"b.txt": "not-json", "c.txt": "bad-field"}
    assert broken_of(items)[0].reason.startswith("b.meta.json: not JSON")


@ALL
def test_hidden_files_and_other_kinds_are_passed_over(name: str) -> None:
    others = {".DS_Store": b"x", "__MACOSX/._a.txt": b"x", "d/.git/b.txt": b"x", "p.jpg": b"x"}
    items = read(name, {**others, "a.txt": TEXT, "b.txt": TEXT})
    assert ids(items) == [f"{name}/a.txt", f"{name}/b.txt"]
    told = "left out of its archive: 3 hidden, 1 .jpg"
    assert [item.notes for item in articles_of(items)] == [(told,), ()]
    assert refusal(name, PACKERS[name](others)) == "unsupported"
    with pytest.raises(SourceError, match=told):
        items_of(name, PACKERS[name](others))
    # Of a tar of nothing, only its name tells that it is one.
    wanted = "unsupported" if name in ("c.gz", "d.gz") else "empty"
    assert refusal(name, PACKERS[name]({})) == wanted


def test_members_of_many_kinds_are_told_in_short() -> None:
    others = {f"{n}.{kind}": b"x" for kind in "abcdefgh" for n in range(3)}
    inner = zipped({"\x1b[31m.\x1b[1m": b"x", "no suffix": b"x", "a.txt": TEXT})
    outer, deep = articles_of(read("a.zip", {**others, "a.txt": TEXT, "z.zip": inner}))
    assert outer.notes == ("left out of its archive: 3 .a, 3 .b, 3 .c, 3 .d, 3 .e, 9 others",)
    assert "1 without a suffix" in deep.notes[0]
    assert "\x1b" not in deep.notes[0]


@pytest.mark.parametrize(
    "name",
    [
        "/etc/a.txt",
        "../a.txt",
        "a/../../b.txt",
        "a\\b.txt",
        "C:a.txt",
        "a\x01.txt",
        "x" * 600 + ".txt",
    ],
)
@pytest.mark.parametrize("packed", ["a.zip", "b.tar.gz"])
def test_names_that_are_not_to_be_trusted(name: str, packed: str) -> None:
    items = read(packed, {name: TEXT, "ok.txt": TEXT})
    assert ids(items) == [f"{packed}/ok.txt"]
    assert list(codes(items).values()) == ["unsafe-name"]
    assert all(part.isprintable() and len(part) <= 200 for part in codes(items))


def test_names_are_made_plain() -> None:
    assert ids(read("a.tar", {"./a.txt": TEXT, "./d//b.txt": TEXT})) == [
        "a.tar/a.txt",
        "a.tar/d/b.txt",
    ]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, b"Z"]
)
def test_links_and_devices_of_a_tar(kind: bytes) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo("a.txt")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
        info = tarfile.TarInfo("b.txt")
        info.size = len(TEXT)
        archive.addfile(info, io.BytesIO(TEXT))
    items = items_of("a.tar", stream.getvalue())
    assert codes(items) == {"a.txt": "not-regular"}
    assert ids(items) == ["a.tar/b.txt"]


def patched(content: bytes, change: Callable[[bytearray, int], None]) -> bytes:
    """Return a zip with each entry of its directory changed, and nothing else."""
    changed = bytearray(content)
    place = -1
    while (place := content.find(b"PK\1\2", place + 1)) >= 0:
        change(changed, place)
    return bytes(changed)


def test_locked_and_strangely_packed_members() -> None:
    content = zipped({"a.txt": TEXT})
    locked = patched(content, lambda c, at: c.__setitem__(at + 8, c[at + 8] | 1))
    assert codes(items_of("a.zip", locked)) == {"a.txt": "encrypted"}
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        items = items_of("a.zip", zipped({"a.txt": TEXT}, method))
        assert codes(items) == {"a.txt": "unsupported"}


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_a_wrong_checksum_fails_its_member_alone(name: str) -> None:
    content = zipped({name: b'{"id": 1, "text": "qqqq"}', "b.txt": TEXT}, zipfile.ZIP_STORED)
    items = items_of("a.zip", content.replace(b"qqqq", b"qqqr"))
    assert codes(items) == {name: "damaged"}
    assert "a.zip/b.txt" in ids(items)


def test_a_tar_whose_second_header_is_broken_does_not_just_end() -> None:
    content = bytearray(tarred({"a.txt": TEXT, "b.txt": TEXT}, tarfile.USTAR_FORMAT))
    content[1024 + 5] ^= 0xFF
    assert refusal("a.tar", bytes(content)) == "damaged"
    assert refusal("a.tar", bytes(content[: 1024 + 100])) == "damaged"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@TWO
def test_a_name_twice(name: str) -> None:
    if name == "a.zip":
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("a.txt", TEXT)
            archive.writestr("a.txt", b"other")
        content = stream.getvalue()
    else:
        one = tarred({"a.txt": TEXT})
        content = gzip.compress(one[:1024] + tarred({"a.txt": b"other"}))
    items = items_of(name, content)
    assert codes(items) == {"a.txt": "duplicate-id"}
    assert [item.fields["text"] for item in articles_of(items)] == [TEXT.decode()]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1256", "cp720"])
def test_arabic_names_of_a_zip_that_does_not_say_its_encoding(encoding: str) -> None:
    name = "تقرير الوزارة.txt"
    raw = name.encode(encoding)
    stand_in = "x" * len(raw)
    content = zipped({stand_in: TEXT}).replace(stand_in.encode(), raw)
    assert ids(items_of("a.zip", content)) == ["a.zip/تقرير الوزارة.txt"]


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"a.txt", "a.txt"),
        ("é.txt".encode("cp437"), "é.txt"),
        ("خبر ١.txt".encode(), "خبر ١.txt"),
        ("أخبار 2024 - final.txt".encode("cp1256"), "أخبار 2024 - final.txt"),
    ],
)
def test_names_are_decoded_always_the_same(raw: bytes, name: str) -> None:
    assert decoded(raw) == name


def test_the_unicode_path_field() -> None:
    field = b"\1" + struct.pack("<L", zlib.crc32(b"raw")) + "خبر".encode()
    extra = b"\x55\x54\2\0xx" + struct.pack("<HH", 0x7075, len(field)) + field
    assert unicode_path(extra, b"raw") == "خبر"
    assert unicode_path(extra, b"other") == ""
    assert unicode_path(extra[:12], b"raw") == ""


def test_a_compressed_file_is_read_as_if_it_were_not() -> None:
    items = items_of("d/news.jsonl.gz", gzip.compress(LINES))
    assert [item.place for item in items] == ["1", "2", "3"]
    (article,) = articles_of(items_of("d/a.txt.gz", gzip.compress(TEXT)))
    assert (article.place, article.fields["id"]) == ("", "d/a.txt.gz")
    assert refusal("a.jpg.gz", gzip.compress(TEXT)) == "unsupported"
    assert refusal("a.json.gz", gzip.compress(b"[")) == "not-json"


@ALL
def test_archives_in_archives(name: str) -> None:
    inner = PACKERS[name]({"x.txt": TEXT, "n.jsonl": LINES})
    middle = zipped({name: inner, "n.jsonl.gz": gzip.compress(LINES)})
    items = read(name, {"m.zip": middle})
    assert set(ids(items)) == {f"{name}/m.zip/{name}/x.txt", "a", "b"}
    assert codes(items) == {f"m.zip/{name}/n.jsonl:2": "not-json", "m.zip/n.jsonl.gz:2": "not-json"}


def test_a_fourth_archive_is_not_opened() -> None:
    fourth = zipped({"x.txt": TEXT})
    third = zipped({"4.zip": fourth, "5.zip": fourth, "y.txt": TEXT})
    items = items_of("1.zip", zipped({"2.zip": zipped({"3.zip": third})}))
    assert ids(items) == ["1.zip/2.zip/3.zip/y.txt"]
    assert codes(items) == {"2.zip/3.zip/4.zip": "nested", "2.zip/3.zip/5.zip": "nested"}
    packed = gzip.compress(gzip.compress(gzip.compress(gzip.compress(LINES))))
    assert refusal("a.jsonl.gz.gz.gz.gz", packed) == "nested"


def test_a_bomb_of_many_members() -> None:
    inner = zipped({f"{n}.txt": b" " * (8 << 20) + b"x" for n in range(10)})
    assert refusal("a.zip", zipped({f"{n}.zip": inner for n in range(10)})) == "bomb"


def test_a_member_past_the_bound_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBER", 20)
    lines = b"".join(b'{"id": %d, "text": "x"}\n' % n for n in range(10))
    items = read("a.zip", {"a.txt": TEXT * 9, "b.txt": b"x", "c.jsonl": lines})
    assert codes(items) == {"a.txt": "too-large"}
    assert len(ids(items)) == 11


@TWO
def test_too_many_members(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(unpacking, "MAX_MEMBERS", 5)
    monkeypatch.setattr(archive_members, "MAX_MEMBERS", 5)
    assert refusal(name, PACKERS[name]({f"{n}.jpg": b"x" for n in range(6)})) == "bomb"
    assert len(read(name, {f"{n}.txt": b"x" for n in range(5)})) == 5


def test_a_long_name_of_a_tar_is_not_read_into_memory() -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 50 << 20
    content = info.tobuf(tarfile.GNU_FORMAT) + b"x" * (50 << 20)
    assert refusal("a.tgz", gzip.compress(content, 1)) == "bomb"


def test_a_member_of_an_unknown_type_is_passed_over_by_its_size_and_not_for_ever() -> None:
    info = tarfile.TarInfo("a.txt")
    info.type, info.size = b"Z", 1 << 60
    # A size of more than eight octal digits is written in base 256, by GNU's tar too.
    assert refusal("a.tar", info.tobuf(tarfile.GNU_FORMAT) + TEXT * 1_000) == "damaged"


@pytest.mark.parametrize("name", ["a.tar", "a.tgz", "b.tar.gz", "c.gz", "d.gz", "e.tgz"])
@pytest.mark.parametrize("blocks", [1, 2, 3, 4])
def test_a_tar_that_just_stops_is_told_after_what_was_in_it(name: str, blocks: int) -> None:
    """Cut off between two members or in one, as a download that broke off."""
    members = {f"{n}.txt": TEXT for n in range(2)}
    whole = tarred(members, tarfile.USTAR_FORMAT)
    cut = whole[: blocks * 512]
    packers: dict[str, Callable[[bytes], bytes]] = {
        "a.tar": bytes,
        "d.gz": bz2.compress,
        "e.tgz": lzma.compress,
    }
    cut = packers.get(name, gzip.compress)(cut)
    items = archives.read(io.BytesIO(cut), name, Options())
    found = [item.place for item in islice(items, blocks // 2)]
    assert found == [f"{n}.txt" for n in range(blocks // 2)]
    if blocks % 2:
        assert codes([next(items)]) == {f"{blocks // 2}.txt": "damaged"}
    with pytest.raises(SourceError) as caught:
        next(items)
    assert caught.value.code == "damaged"


def test_a_sparse_file_is_not_unpacked() -> None:
    info = tarfile.TarInfo("a.txt")
    info.pax_headers = {"GNU.sparse.size": str(1 << 40), "GNU.sparse.map": "0,0"}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info)
    assert codes(items_of("a.tar", stream.getvalue())) == {"a.txt": "not-regular"}


@ALL
def test_sizes_are_those_of_the_archive(name: str) -> None:
    content = PACKERS[name]({f"{n}.txt": TEXT * (n + 1) for n in range(20)})
    sizes = [item.size for item in items_of(name, content)]
    assert 0 < sum(sizes) <= len(content)


def test_a_list_of_texts_is_streamed() -> None:
    line = b'{"id": 1, "text": "' + bytes(range(0x41, 0x5B)) * 40 + b'"}\n'
    content = gzip.compress(line * 60_000, 1)
    read = archives.read(io.BytesIO(content), "a.jsonl.gz", Options())
    first = next(read)
    assert first.size < len(content) / 2
    read.close()  # type: ignore[attr-defined]


@settings(deadline=None)
@given(st.sampled_from(sorted(PACKERS)), st.binary(max_size=8), st.integers(0, 3_000))
def test_bytes_that_are_cut_or_changed(name: str, noise: bytes, place: int) -> None:
    content = PACKERS[name]({"a.txt": TEXT, "n.jsonl": LINES, "i.zip": zipped({"b.txt": TEXT})})
    place %= len(content)
    for changed in (content[:place], content[:place] + noise + content[place + len(noise) :]):
        with suppress(SourceError):
            items_of(name, changed)


@pytest.mark.parametrize(
    "magic", [b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07\x00", b"Rar!\x1a\x07\x01\x00"]
)
def test_without_libarchive_it_is_said_what_to_install(
    magic: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "IS_THERE", False)
    with pytest.raises(SourceError, match="needs libarchive") as told:
        items_of("a.7z", magic + bytes(99))
    assert told.value.code == "unsupported"
