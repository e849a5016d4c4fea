"""An article as documents: its text stands in its passages, and comes back whole."""

from __future__ import annotations

import random

import pytest

from search.domain import Article, ArticleInfo, IndexedArticle, IndexedPassage, Passage
from search.engines.elastic.documents import documents, read_article
from tests.conformance.corpus import EMBEDDER

TEXT = "أول\n\nثان، وفيه جملة.\n\n\n ثالث 😀\n"
VECTORS = EMBEDDER.embed_passages(["x"])


def cut(text: str, spans: list[tuple[int, int]]) -> IndexedArticle:
    """Return an article whose passages are these pieces of its text."""
    return IndexedArticle(
        Article(ArticleInfo("a"), text),
        tuple(
            IndexedPassage(
                Passage("a", n, start, end, text[start:end]), {}, VECTORS[0], (), VECTORS[:0]
            )
            for n, (start, end) in enumerate(spans)
        ),
    )


def again(article: IndexedArticle) -> tuple[str, list[str]]:
    """Return text and passages as they are read back, and what the article's document has of it."""
    *passages, own = (source for _, source in documents(article, "e"))
    read = read_article(own, [source["text"] for source in passages])
    return read.article.text, [passage.text for passage in read.passages]


@pytest.mark.parametrize(
    "spans",
    [
        [],
        [(0, 0)],
        [(0, len(TEXT))],
        [(0, 3), (5, 21), (25, 31)],
        [(3, 5), (5, 9)],
        [(0, 9), (4, 12)],
        [(9, 12), (0, 3)],
    ],
    ids=["none", "empty", "whole", "as paragraphs", "one after the other", "overlap", "order"],
)
def test_an_article_comes_back_whole(spans: list[tuple[int, int]]) -> None:
    assert again(cut(TEXT, spans)) == (TEXT, [TEXT[start:end] for start, end in spans])


@pytest.mark.parametrize("seed", range(20))
def test_text_between_any_passages_is_restored(seed: int) -> None:
    random_ = random.Random(seed)
    places = sorted(random_.choices(range(len(TEXT) + 1), k=2 * random_.randint(0, 6)))
    spans = list(zip(places[::2], places[1::2], strict=True))
    assert again(cut(TEXT, spans)) == (TEXT, [TEXT[start:end] for start, end in spans])


def test_no_text_is_stored_twice() -> None:
    *_, own = (source for _, source in documents(cut(TEXT, [(0, 3), (5, 21), (25, 31)]), "e"))
    assert "text" not in own
    assert own["between"] == TEXT[3:5] + TEXT[21:25] + TEXT[31:]


def test_a_text_of_the_former_format_is_read() -> None:
    *_, own = (source for _, source in documents(cut(TEXT, [(0, 3)]), "e"))
    assert read_article(own | {"text": TEXT, "between": ""}, []).article.text == TEXT
