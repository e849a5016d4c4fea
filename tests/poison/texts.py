"""Hostile .txt, .md, .jsonl, .json, .csv and .tsv files."""

from __future__ import annotations

import json

from tests.poison.kinds import ARABIC, MEBIBYTE, Poison, of, sparse

GOOD_LINE = json.dumps({"id": "جيد", "text": ARABIC}, ensure_ascii=False)


NO_TEXTS: tuple[object, ...] = (1, None, [], {}, True)


def line(**fields: object) -> str:
    return json.dumps({"id": "x", "text": ARABIC, **fields}, ensure_ascii=False)


TEXTS = (
    of("empty.txt", "empty", b""),
    of("empty.md", "empty", b""),
    of("blank.txt", "empty", " \n\u00a0\t\n" * 1_000),
    of("mark-only.txt", "empty", b"\xef\xbb\xbf"),
    of("nul.txt", "not-text", b"abc\0def"),
    of("nuls.txt", "not-text", b"\0" * 100_000),
    of("truncated-utf8.txt", "encoding", ARABIC.encode()[:-1]),
    of("overlong-utf8.txt", "encoding", ARABIC.encode() + b"\xc0\xaf" + ARABIC.encode()),
    of("surrogates-utf8.txt", "encoding", ARABIC.encode() + b"\xed\xa0\x80" + ARABIC.encode()),
    of("odd-utf16.txt", "encoding", ARABIC.encode("utf-16") + b"\x06"),
    of("half-pair-utf16.txt", "encoding", b"\xff\xfe" + b"\x00\xd8" + "نص".encode("utf-16le")),
    of("utf32-beyond.txt", "encoding", b"\xff\xfe\0\0" + b"\xff\xff\xff\x7f" * 100),
    of("two-encodings.txt", "encoding", (ARABIC + "\n").encode() * 9 + ARABIC.encode("cp1256")),
    of("elf.txt", "not-text", b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 100),
    of("gzip.txt", "not-text", b"\x1f\x8b\x08\0\0\0\0\0\0\3" + bytes(range(256)) * 9),
    of("random.txt", "not-text", bytes((n * n * 7919 >> 3) & 0xFF for n in range(60_000))),
    of("marks.txt", "read", "ك" + "\u064b" * 250_000),
    of("one-word.txt", "read", "x" * 500_000),
    of("one-letter-lines.txt", "read", "ا\n" * 250_000),
    of("bidi.txt", "read", "\u202e\u2066\u2067\u202d" * 50_000 + ARABIC),
    of("joiners.txt", "read", "ا" + "\u200d\u200c" * 50_000 + ARABIC),
    of("controls.txt", "read", "\x1b[31m\x07\x08" * 1_000 + ARABIC),
    of("noncharacters.txt", "read", "\ufdd0\ufffe\U0010ffff" * 1_000 + ARABIC),
    of("zalgo.md", "read", "# " + "".join(c + "\u0651" * 99 for c in ARABIC)),
    of("long-heading.md", "read", "# " + "عنوان " * 20_000 + "\n" + ARABIC),
    of("quotes.markdown", "read", "---\na: [" + "'" * 16_000 + "]\n---\n" + ARABIC),
    of("no-end.text", "read", "---\n" + "a: b\n" * 50_000),
    of("deep-toml.markdown", "read", "+++\na = " + "[" * 9_000 + "\n+++\n" + ARABIC),
    of("dotted-toml.markdown", "read", "+++\n" + "a." * 8_000 + "a = 1\n+++\n" + ARABIC),
    of("head-only.markdown", "empty", "---\ntitle: x\n---\n"),
    of("escapes.log", "read", f"\x1b[31m{ARABIC}\x1b[0m\r" * 1_000),
    of("not-openiti.completed", "damaged", ARABIC),
    of("head-only.inProgress", "empty", "######OpenITI#\n#META#Header#End#\n"),
    of("no-end.completed", "read", f"######OpenITI#\n#META# a:: b\n# {ARABIC}"),
    of("metas.completed", "read", "######OpenITI#\n" + "#META# x :: y\n" * 20_000 + ARABIC),
    of("signs.completed", "read",
       "######OpenITI#\n#META#Header#End#\n" + "#" * 300_000 + "|$@" * 100_000 + ARABIC),
    of("marks.completed", "read",
       "######OpenITI#\n#META#Header#End#\n" + f"# {ARABIC} PageV01P001 ms1 @PER\n~~ " * 3_000),
    of("0001Poison.Hayawan.JK000127-ara1", "damaged", ARABIC),
    of("openiti-without-suffix", "read", "######OpenITI#\n#META#Header#End#\n" + ARABIC),
    of("no-times.srt", "damaged", ARABIC),
    of("times-only.srt", "empty", "1\n00:00:01,000 --> 00:00:02,000\n\n" * 20_000),
    of("tags.vtt", "read", "WEBVTT\n\n00:01.000 --> 00:02.000\n" + "<" * 300_000 + ARABIC),
    of("braces.srt", "read", "00:00:01,0 --> 00:00:02,0\n" + "{\\" * 200_000 + ARABIC),
    of("arrows.vtt", "damaged", "00:00:01.000 -" + "-" * 500_000 + "> " + ARABIC),
    of("one-cue.srt", "read", "00:00:01,0 --> 00:00:02,0\n" + f"{ARABIC}\n" * 3_000),
    of("backwards.srt", "read", f"9\n99:99:99,999 --> 00:00:00,000\n{ARABIC}\n\n" * 1_000),
    of("half.srt", "read", f"1\n00:00:01,000 --> 00:00:02,000\n{ARABIC}\n\n2\n00:00:0"),
    of("random.srt", "not-text", bytes((n * n * 7919 >> 3) & 0xFF for n in range(60_000))),
    sparse("zeros.txt", "not-text", 60 * MEBIBYTE),
    sparse("too-large.txt", "too-large", 10 << 30),
    sparse("too-large.md", "too-large", 65 * MEBIBYTE, ARABIC.encode()),
)  # fmt: skip

OBJECTS = (
    of("empty.jsonl", "empty", b""),
    of("empty.ndjson", "empty", b"\n \n"),
    of("empty.json", "empty", b""),
    of("deep.jsonl", "not-json+read", f"{'[' * 1_000_000}\n{GOOD_LINE}\n"),
    of("deep-objects.jsonl", "not-json+read", '{"a":' * 150_000 + f"\n{GOOD_LINE}\n"),
    of("deep-closed.jsonl", "not-json+read", f"{'[' * 90_000}{']' * 90_000}\n{GOOD_LINE}\n"),
    of("deep.json", "not-json", b"[" * 1_000_000),
    of("deep-closed.json", "not-json", b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    of("deep-field.jsonl", "bad-field+read", f"{line(title=[[[[{}]]]])}\n{GOOD_LINE}\n"),
    sparse("one-line.jsonl", "read+too-large", 100 * MEBIBYTE, end=b"\n" + GOOD_LINE.encode()),
    sparse("too-large.json", "too-large", 5 << 30, b"["),
    of("huge-number.jsonl", "not-json+read", f'{{"id":{"9" * 100_000}}}\n{GOOD_LINE}\n'),
    of("huge-exponent.jsonl", "bad-field", '{"id": 1e999999999, "text": "نص"}'),
    of("not-a-number.jsonl", "bad-field", '{"id": NaN, "text": "نص"}'),
    of("infinite.jsonl", "bad-field", '{"id": -Infinity, "text": "نص"}'),
    of("long-id.jsonl", "bad-field", line(id="ا" * 10_000)),
    of("control-id.jsonl", "bad-field", line(id="a\x1b[0m")),
    of("escaped-half-pair.jsonl", "bad-field", '{"id": "h", "text": "نص \\ud800"}'),
    of("half-pair-title.jsonl", "bad-field", '{"id": "h", "text": "نص", "title": "\\udc00"}'),
    of("escaped-nul.jsonl", "bad-field", '{"id": "n", "text": "نص \\u0000"}'),
    of("types.jsonl", "bad-field+empty", "\n".join(line(text=text) for text in NO_TEXTS)),
    of("tags.jsonl", "read", line(tags=[f"t{n}" for n in range(100_000)])),
    of("tag-of-lists.jsonl", "bad-field", line(tags=[[["x"] * 1_000] * 100])),
    of("date.jsonl", "bad-field", line(id="dated", published="9" * 5_000)),
    of("many-keys.jsonl", "read",
       json.dumps({"id": "k", "text": "نص"} | dict.fromkeys(map(str, range(50_000))))),
    of("repeated-keys.jsonl", "bad-field", '{"id": "r", ' + '"a": 1, ' * 50_000 + '"text": "نص"}'),
    of("invalid-utf8.jsonl", "encoding+read",
       b'{"id": "y", "text": "\xff"}\n' + GOOD_LINE.encode()),
    of("nul-line.jsonl", "not-text+read", b'{"id": "y", "text": "\0"}\n' + GOOD_LINE.encode()),
    of("half-line.jsonl", "not-json+read", f'{GOOD_LINE}\n{{"id": "h", "te'),
    of("scalars.jsonl", "not-json", '1\n"x"\nnull\n[]\ntrue\n'),
    of("html.jsonl", "not-json", "<!doctype html><title>404</title>"),
    of("blank-lines.jsonl", "empty", b"\n" * 500_000),
    of("carriage-returns.jsonl", "read", f"{GOOD_LINE}\r\n" * 3),
    of("broken-lines.jsonl", "not-json", "{\n" * 20_000),
    of("scalar.json", "not-json", b"1"),
    of("half.json", "not-json", f"[{GOOD_LINE}, "),
    of("trailing.json", "not-json", f"[{GOOD_LINE}] garbage"),
    of("mixed.json", "not-json+read", f"[{GOOD_LINE}, 1, null, []]"),
    of("million.json", "damaged+not-json", "[" + "1," * 150_000 + "1]"),
)  # fmt: skip

TABLES = (
    of("empty.csv", "empty", b""),
    of("empty.tsv", "empty", b"\n"),
    of("head-only.csv", "empty", "id,text\n"),
    of("no-head.csv", "bad-field", f"1,{ARABIC}\n2,{ARABIC}\n"),
    sparse("one-cell.csv", "too-large", 100 * MEBIBYTE, b'id,text\n1,"', b'"\n'),
    of("large-cell.csv", "read", lambda: b'id,text\n1,"' + b"x y " * 200_000 + b'"\n'),
    of("unclosed.csv", "damaged+read", f'id,text\n1,"{ARABIC}\n2,{ARABIC}\n' * 100),
    of("quotes.csv", "damaged", "id,text\n1," + '"' * 100_001 + ARABIC + "\n"),
    of("columns.csv", "bad-field", "id,text" + ",x" * 150_000 + f"\n1,{ARABIC}\n"),
    of("cells.csv", "read", f"id,text\n1,{ARABIC}" + "," * 300_000 + "\n"),
    of("few-cells.csv", "empty", "id,text\n1\n2\n"),
    of("nul.csv", "not-text", b"id,text\n1,a\0b\n"),
    of("invalid.csv", "encoding+read", f"id,text\n1,{ARABIC}\n".encode() + b"2,\xff\xfe\n"),
    of("repeated-head.csv", "read", f"id,text,text\n1,{ARABIC},x\n"),
    of("formula.csv", "read", "id,text\n1,\"=cmd|' /C calc'!A0 نص\"\n"),
    of("no-quotes.tsv", "damaged", f'id\ttext\n1\t"{ARABIC}\n'),
    of("pdf.csv", "bad-field", b"%PDF-1.7\n\0\1\2\3"),
)

POISON: tuple[Poison, ...] = (*TEXTS, *OBJECTS, *TABLES)
