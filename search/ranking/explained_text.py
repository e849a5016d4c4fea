"""An explanation in sentences, Arabic and English. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from search.domain import Level
from search.explanation import Explanation, Language, WordPart

_DIGITS = str.maketrans("0123456789.,", "٠١٢٣٤٥٦٧٨٩٫٬")
_HOW: Mapping[Language, Mapping[Level | None, str]] = {
    "en": {
        "exact": "same word", "spelling": "another spelling", "form": "another form",
        "near": "a near word", None: "not here",
    },
    "ar": {
        "exact": "الكلمة نفسها", "spelling": "بإملاء آخر", "form": "بصيغة أخرى",
        "near": "كلمة قريبة منها", None: "ليست هنا",
    },
}  # fmt: skip
_TEXTS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "quoted": "“{}”",
        "phrase": "the phrase",
        "title": "in the title {}",
        "also": "searched as {}",
        "of": "in {} of {} passages",
        "adds": "gives {} of {}",
        "comma": ", ",
        "sentence": "Sentence {} is nearest in meaning, {}; the passage {}",
        "near": "Nearness in meaning {}",
        "words": "Sum by words (the engine's BM25) {}, {} of the best",
        "score": "Score {}",
        "both": "Score {} = words {} × {} + meaning {} × {}; the index knows {} of the query's words",
        "rerank": "The reranker gives {}, and orders the first hits",
    },
    "ar": {
        "quoted": "«{}»",
        "phrase": "العبارة",
        "title": "في العنوان {}",
        "also": "بُحث عنها بـ{}",
        "of": "في {} من {} فقرة",
        "adds": "أعطت {} من {}",
        "comma": "، ",
        "sentence": "الجملة {} هي الأقرب معنى، {}؛ الفقرة {}",
        "near": "القرب في المعنى {}",
        "words": "مجموع الكلمات (BM25 من المحرك) {}، أي {} من الأفضل",
        "score": "الدرجة {}",
        "both": "الدرجة {} = الكلمات {} × {} + المعنى {} × {}؛ يعرف الفهرس {} من كلمات البحث",
        "rerank": "أعطاها المرتِّب الثاني {}، وبه ترتيب النتائج الأولى",
    },
}


def reads(made: Explanation, passages: int) -> dict[Language, tuple[str, ...]]:
    """Return an explanation's lines by language.

    Args:
        passages: in the whole index.
    """
    return {"ar": _lines(made, passages, "ar"), "en": _lines(made, passages, "en")}


def _lines(made: Explanation, passages: int, to: Language) -> tuple[str, ...]:
    words, meaning, sentence = made.words, made.meaning, made.sentence
    whole = words.score if words else None
    lines = [_word(part, passages, whole, to) for part in made.query_words]
    if words and words.score is not None:
        share = words.score / words.best if words.best else 1.0
        lines.append(_say("words", to, words.score, share))
    if meaning and meaning.score is not None:
        if sentence and sentence.cosine is not None and sentence.passage_cosine is not None:
            cosines = (sentence.cosine, sentence.passage_cosine)
            lines.append(_say("sentence", to, sentence.number, *cosines))
        else:
            lines.append(_say("near", to, meaning.score))
    if words and meaning:
        shares = (words.weight, words.value, meaning.weight, meaning.value)
        lines.append(_say("both", to, made.score, *shares, made.coverage or 0.0))
    else:
        lines.append(_say("score", to, made.score))
    if made.rerank is not None:
        lines.append(_say("rerank", to, made.rerank))
    return tuple(lines)


def _word(part: WordPart, passages: int, whole: float | None, to: Language) -> str:
    comma = _TEXTS[to]["comma"]
    there = part.kind == "phrase" and part.level
    how = _TEXTS[to]["phrase"] if there else _HOW[to][part.level]
    if part.as_written and (part.level != "exact" or len(part.as_written) > 1):
        how += f" ({comma.join(part.as_written)})"
    facts = [how]
    if part.times:
        facts.append(_times(part.times, to))
    if part.times_in_title:
        facts.append(_say("title", to, _times(part.times_in_title, to)))
    if part.searched_also:
        facts.append(_say("also", to, comma.join(part.searched_also)))
    if part.passages is not None:
        facts.append(_say("of", to, part.passages, passages))
    if part.adds is not None and whole is not None:
        facts.append(_say("adds", to, part.adds, whole))
    return f"{_say('quoted', to, part.text)}: {comma.join(facts)}"


def _times(n: int, to: Language) -> str:
    if to == "en":
        return {1: "once", 2: "twice"}.get(n, f"{n} times")
    few = _local(f"{n} مرات" if n <= 10 else f"{n} مرة", to)
    return {1: "مرة", 2: "مرتين"}.get(n, few)


def _say(key: str, to: Language, *values: float | str) -> str:
    return _TEXTS[to][key].format(*(_shown(value, to) for value in values))


def _shown(value: float | str, to: Language) -> str:
    if isinstance(value, str):
        return value
    return _local(f"{value:,}" if isinstance(value, int) else f"{value:.2f}", to)


def _local(text: str, to: Language) -> str:
    return text.translate(_DIGITS) if to == "ar" else text
