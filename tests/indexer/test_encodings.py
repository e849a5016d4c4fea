"""Bytes to text: never a guess, never a replacement character."""

from __future__ import annotations

import codecs
from io import BytesIO
from pathlib import Path
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from indexer.extraction.encodings import Encoding, decode, known_encoding, lines
from search.errors import SourceError

ROOT = Path(__file__).parents[2]
SEED = (ROOT / "seeds/000_68ec81c8af20b3f5.txt").read_text(encoding="utf-8")
HEADLINES = [
    "وزير الدفاع يعلن ضربات جوية في العراق",
    "أسعار النفط ترتفع بعد هبوط دام أسبوعا",
    "هل تنجح المفاوضات؟ خبراء يجيبون",
    "الـBBC تعتذر لمشاهديها، وتعد بالتحقيق",
    "مقتل 12 شخصا في انفجار بكابول",
]
FRENCH = "Le président s’est adressé à l’Assemblée où il a déjà été élu, près de Paris."
MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16le": codecs.BOM_UTF16_LE,
    "utf-16be": codecs.BOM_UTF16_BE,
    "utf-32le": codecs.BOM_UTF32_LE,
    "utf-32be": codecs.BOM_UTF32_BE,
}


@pytest.mark.parametrize("name", MARKS)
@pytest.mark.parametrize("text", ["", "ن", "نص", SEED, *HEADLINES])
def test_a_mark_is_certain(name: str, text: str) -> None:
    assert decode(MARKS[name] + text.encode(name)) == (text, Encoding(name, 1.0))


@pytest.mark.parametrize("text", ["", "a", "ن", "é", SEED, *HEADLINES, FRENCH])
def test_utf8_is_certain_whatever_is_declared(text: str) -> None:
    assert decode(text.encode(), "windows-1256") == (text, Encoding("utf-8", 1.0))


@pytest.mark.parametrize("name", ["utf-16le", "utf-16be"])
@pytest.mark.parametrize("text", ["نص", "نص abc", "abc\n", SEED, *HEADLINES, FRENCH])
def test_utf16_without_a_mark(name: str, text: str) -> None:
    found, encoding = decode(text.encode(name))
    assert (found, encoding.name) == (text, name)
    assert 0.9 <= encoding.confidence < 1


@pytest.mark.parametrize("name", ["windows-1256", "iso-8859-6"])
@pytest.mark.parametrize("text", [SEED, *HEADLINES])
def test_arabic_in_8_bits(name: str, text: str) -> None:
    content = text.encode(name, "ignore")  # ISO-8859-6 lacks curly quotes
    found, encoding = decode(content)
    assert (found, encoding.name) == (content.decode(name), name)
    assert encoding.confidence == pytest.approx(0.99, abs=0.005)


@pytest.mark.parametrize(
    "text",
    [
        FRENCH,
        "Übermäßige Kälte in den nördlichen Ländern, größer als gewöhnlich",
        "El año pasado viajó a España con su compañero, según él más fácil",
        "À l’été, les élèves espéraient voir le château",
    ],
)
def test_european_in_8_bits(text: str) -> None:
    found, encoding = decode(text.encode("windows-1252"))
    assert (found, encoding.name) == (text, "windows-1252")


@pytest.mark.parametrize(
    "text",
    [
        "كَتَبَ الطَّالِبُ الدَّرْسَ فِي المَدْرَسَةِ",
        "قال مدير Société Générale في مقابلة: «لا» – ثم غادر",
        "ایران یکی از کهن ترین تمدن های جهان به شمار می رود".replace("ی", "ي"),
    ],
)
def test_windows_1256_with_marks_french_and_persian(text: str) -> None:
    content = text.encode("windows-1256", "ignore")
    found, encoding = decode(content)
    assert (found, encoding.name) == (content.decode("windows-1256"), "windows-1256")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("windows-1256", "نص"),
        ("iso-8859-6", "لص"),
        ("ISO-8859-1", "café"),
        ("koi8-r", "Привет, как дела у вас сегодня"),
        ("gb18030", "中华人民共和国成立于一九四九年"),
        ("windows-1254", "Türkiye’nin başkenti için yeni ışık"),
        ("cp720", "أعلن وزير الدفاع"),
        ("iso-2022-jp", "日本語のテキスト"),
    ],
)
def test_what_is_declared_decides_where_the_bytes_may_be_that(name: str, text: str) -> None:
    found, encoding = decode(text.encode(name), name)
    assert found == text
    assert encoding.confidence >= 0.9


@pytest.mark.parametrize(
    "wrong", ["iso-8859-6", "windows-1252", "koi8-r", "utf-8", "klingon", "hex"]
)
def test_what_is_declared_wrongly_is_passed_over(wrong: str) -> None:
    for text in (SEED, *HEADLINES):
        content = text.encode("windows-1256")
        assert decode(content, wrong)[0] == text


def test_names() -> None:
    names = ("UTF8", "Latin1", "ISO_8859-6", "cp1256", "Windows-1256", "hex", "idna", "", "\0")
    assert [known_encoding(name) for name in names] == [
        "utf-8",
        "windows-1252",
        "iso-8859-6",
        "windows-1256",
        "windows-1256",
        "",
        "",
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("content", "message", "code"),
    [
        ("نص".encode() + b"\xe3 ", "not UTF-8: byte 4 (0xe3) cannot be read; conv", "encoding"),
        (b"ab" + SEED.encode()[:999] + b"\xff" + SEED.encode()[1000:], "byte 1,001", "encoding"),
        (SEED.encode()[:-2], "not UTF-8: byte", "encoding"),
        ("نص".encode("cp1256"), "windows-1256 (.", "encoding"),
        ("نص".encode("cp1256"), "convert the file to UTF-8, or say --encoding", "encoding"),
        (HEADLINES[0].encode("cp1256") + SEED.encode()[:60], "not UTF-8: byte 0", "encoding"),
        (b"\xed\xa0\x80", "not UTF-8: byte 0", "encoding"),  # half of a surrogate pair
        ("Привет, как дела у вас сегодня".encode("koi8-r"), "no Arabic or French", "encoding"),
        ("Zażółć gęślą jaźń, proszę państwa".encode("cp1250"), "not UTF-8: byte", "encoding"),
        (b"abc\0", "character 3 is NUL", "not-text"),
        (b"abc\0\xff", "byte 3 is NUL", "not-text"),
        (codecs.BOM_UTF16_LE + b"\x00\xd8", "not UTF-16LE: byte 2", "encoding"),
        (codecs.BOM_UTF16_LE + b"a", "not UTF-16LE: byte 2", "encoding"),
        (codecs.BOM_UTF32_LE + b"\xff\xff\xff\xff", "not UTF-32LE: byte 4", "encoding"),
    ],
)
def test_refusals(content: bytes, message: str, code: str) -> None:
    with pytest.raises(SourceError) as error:
        decode(content)
    assert message in str(error.value)
    assert error.value.code == code


@pytest.mark.parametrize("seed", range(200))
def test_random_bytes_are_refused(seed: int) -> None:
    content = Random(seed).randbytes(40 + seed)
    with pytest.raises(SourceError):
        decode(content)
    with pytest.raises(SourceError):
        decode(bytes(byte | 0x80 for byte in content))


@given(st.binary(max_size=200), st.sampled_from(["", "windows-1256", "koi8-r", "utf-16", "x"]))
def test_no_bytes_make_it_fail_otherwise(content: bytes, declared: str) -> None:
    code = "none"
    try:
        _, encoding = decode(content, declared)
        assert 0.9 <= encoding.confidence <= 1
    except SourceError as error:
        code = error.code
    assert code in ("none", "encoding", "not-text")


def read(content: bytes, limit: int = 100, encoding: str = "") -> list[tuple[int, str, str]]:
    found = lines(BytesIO(content), limit, encoding)
    return [(line.number, line.text, line.problem) for line in found]


def test_lines() -> None:
    assert read(b"a\n\nb\r\nc") == [(1, "a", ""), (2, "", ""), (3, "b\r", ""), (4, "c", "")]
    assert read(b"") == []
    assert read(codecs.BOM_UTF8 + b"a\n" + codecs.BOM_UTF8 + b"b") == [
        (1, "a", ""),
        (2, "\ufeffb", ""),
    ]


def test_a_bad_line_fails_alone_and_names_its_offset_in_the_file() -> None:
    first, second, third = read("نص\n".encode() + b"b\xff\nc\n")
    assert (first[1], third[1]) == ("نص", "c")
    assert "byte 6 (0xff) cannot be read" in second[2]


def test_a_long_line_fails_alone() -> None:
    first, second = read(b"x" * 101 + b"\nb", limit=100)
    assert "102 bytes, and 100 are the most" in first[2]
    assert second == (2, "b", "")
    assert read(b"x" * 100 + b"\n", limit=100) == [(1, "x" * 100, "")]


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_lines(order: str) -> None:
    assert read("\ufeffنص\nb\n".encode(order)) == [(1, "نص", ""), (2, "b", "")]


def test_utf16_lines_without_a_mark() -> None:
    assert read("نص\nb\n".encode("utf-16-le")) == [(1, "نص", ""), (2, "b", "")]


@pytest.mark.parametrize("name", ["windows-1256", "iso-8859-6"])
def test_8_bit_lines(name: str) -> None:
    expected = [(number, line, "") for number, line in enumerate(HEADLINES, start=1)]
    assert read("\n".join(HEADLINES).encode(name, "strict")) == expected


def test_the_encoding_that_is_said_is_taken_where_the_bytes_may_be_that() -> None:
    assert read("نص\n".encode("cp1256"), encoding="windows-1256") == [(1, "نص", "")]
    assert "not UTF-8" in read("نص\n".encode("cp1256"))[0][2]
    late = (b"a" * 1023 + b"\n") * 1024 + "نص".encode("cp1256")
    assert read(late, 1023, "windows-1256")[-1][1] == "نص"
    assert "not UTF-8: byte 1,048,576" in read(late, 1023)[-1][2]


def test_utf32_that_is_broken_fails_in_its_line_alone() -> None:
    content = codecs.BOM_UTF32_LE + "a\n".encode("utf-32-le") + b"\xff" * 4
    content += "\nb".encode("utf-32-le")
    first, second, third = read(content)
    assert (first[1], third[1]) == ("a", "b")
    assert "not UTF-8" in second[2]


def test_a_letter_cut_at_the_first_mebibyte_is_no_damage() -> None:
    text = "a" + "ن" * (1 << 19)
    assert read(text.encode(), limit=2 << 20) == [(1, text, "")]


@pytest.mark.parametrize("broken", [b"\x00\xd8", b"\x00\xdc", b"c"])
def test_utf16_that_is_broken_fails_in_its_line_alone(broken: bytes) -> None:
    content = codecs.BOM_UTF16_LE + "a\nb\n".encode("utf-16-le") + broken
    first, second, third = read(content)
    assert (first[1], second[1]) == ("a", "b")
    assert "not UTF-8" in third[2]


@given(st.binary(max_size=300), st.integers(1, 50))
def test_sizes_add_up(content: bytes, limit: int) -> None:
    assume(not content.startswith(tuple(MARKS.values())[1:]))
    assume(not any(high.count(0) + high.count(6) for high in (content[::2], content[1::2])))
    found = list(lines(BytesIO(content), limit))
    assert sum(line.size for line in found) == len(content)
    assert [line.number for line in found] == list(range(1, len(found) + 1))


@pytest.mark.slow
def test_a_line_of_100_megabytes_is_passed_over_in_little_memory() -> None:
    import tracemalloc

    class Endless(BytesIO):
        left = 100 << 20

        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            size = min(size, self.left)
            self.left -= size
            return b"x" * size if self.left else b"x" * (size - 6) + b"\nlast\n" if size else b""

    tracemalloc.start()
    first, second = lines(Endless(), 1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "104,857,595 bytes, and 1,048,576 are the most" in first.problem
    assert second.text == "last"
    assert peak < 8 << 20


@pytest.mark.parametrize(
    "text",
    [
        "پژوهشگران گفتند چگونگي گسترش ژنها در پرندگان گوناگون",  # Persian with ي
        "ايران کشوري در جنوب غربي آسيا است",
        "پاکستان کا دارالحکومت اسلام آباد ہے اور يہاں کے لوگ اردو بولتے ہيں",
        "لڑکے نے ٹھنڈے پاني ميں ڈبکي لگائي اور گھوڑے پر بيٹھ کر چلا گيا",
        "دردبيس طخا عجنجر جحمرش قذعمل خزعبل شمردل عيطموس هدبس",
        "مستشزرات غضنفر عقنقل هجرع ضيغم خيتعور",
        "زهير بن أبي سلمى، خفاف بن ندبة، تأبط شرا، قيس بن الخطيم",
        "قِفا نَبكِ مِن ذِكرى حَبيبٍ وَمَنزِلِ",
        "شو عم تعملي هلق؟ بدي روح عالسوق",
    ],
)
def test_rare_words_and_other_languages_in_windows_1256(text: str) -> None:
    found, encoding = decode(text.encode("cp1256"))
    assert (found, encoding.name) == (text, "windows-1256")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cp1251", "Россия является крупнейшим государством мира"),
        ("koi8-r", "Россия является крупнейшим государством мира"),
        ("cp1253", "Η Ελλάδα είναι χώρα της νοτιοανατολικής Ευρώπης"),
        ("cp1255", "ישראל היא מדינה במזרח התיכון השוכנת על החוף המזרחי"),
        ("cp1250", "Zażółć gęślą jaźń, święto źródła łódź żółw ćma"),
        ("cp1254", "Türkiye'nin başkenti Ankara'dır, güneş ışığı çığlık"),
        ("cp874", "ประเทศไทยเป็นประเทศที่ตั้งอยู่ในเอเชีย"),
        ("cp720", "مستشزرات غضنفر عقنقل هجرع ضيغم"),
    ],
)
def test_other_languages_are_never_taken_for_arabic(name: str, text: str) -> None:
    with pytest.raises(SourceError, match="--encoding"):
        decode(text.encode(name, "ignore"))
    assert decode(text.encode(name, "ignore"), said=name)[0] == text.encode(name, "ignore").decode(
        name
    )
