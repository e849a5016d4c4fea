"""Prepares articles for an engine: split into passages, analysed and, if wanted, embedded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from indexer.ingestion.analysis_worker import Analyse, Terms, analysed, with_byline
from indexer.ingestion.paragraphs import split
from search.analysis.evidence import evidence_spans
from search.domain import Article, IndexedArticle, IndexedPassage, Passage, Span, Vector
from search.embedding import Embedder
from search.settings import Settings


def prepare(
    articles: Sequence[Article],
    embedder: Embedder,
    settings: Settings,
    *,
    by_line: bool = True,
    embed: bool = True,
    on_share: Callable[[float], None] | None = None,
    known: Mapping[str, Vector] | None = None,
    analyse: Analyse = analysed,
) -> list[IndexedArticle]:
    """Return articles ready to be written: split, analysed and embedded.

    Args:
        articles: any number; all their texts are embedded together.
        embedder: the model.
        settings: of which `sentence_vectors` matters here.
        by_line: False makes each article one passage, unless it is over-long.
        embed: False leaves passages without vectors: they are found by words only.
        on_share: called with the share of the embedding that was done since the last call, 0
            before that begins, every 100 ms or so. What it raises ends the work.
        known: vectors of texts that need not be embedded (`known_vectors`).
        analyse: what makes the terms; `Analyst.analysed` does in another process.

    Raises:
        EmbedderError: the model failed on a text.
    """
    drafts: list[list[_Draft]] = []
    for article in articles:
        drafts.append([])
        for draft in _drafts(article, embedder, settings, by_line=by_line, embed=embed):
            drafts[-1].append(draft)
            if on_share is not None:
                on_share(0.0)
    terms = analyse(
        [
            (article.info.title, [draft.passage.text for draft in its])
            for article, its in zip(articles, drafts, strict=True)
        ]
    )
    for article, its_terms in zip(articles, terms, strict=True):
        its_terms[:1] = [with_byline(article.info, words) for words in its_terms[:1]]
    vectors = dict(known or {})
    texts = [text for its in drafts for draft in its for text in draft.texts]
    vectors.update(_embed([text for text in texts if text not in vectors], embedder, on_share))
    return [
        IndexedArticle(
            article,
            tuple(
                draft.indexed(words, vectors, embedder.dimensions)
                for draft, words in zip(its, its_terms, strict=True)
            ),
        )
        for article, its, its_terms in zip(articles, drafts, terms, strict=True)
    ]


def texts_to_embed(
    articles: Iterable[Article], embedder: Embedder, settings: Settings
) -> list[str]:
    """Return the different texts that `prepare` embeds of these articles."""
    texts = (
        text
        for article in articles
        for draft in _drafts(article, embedder, settings, by_line=True, embed=True)
        for text in draft.texts
    )
    return list(dict.fromkeys(texts))


def known_vectors(articles: Iterable[IndexedArticle], embedder: Embedder) -> dict[str, Vector]:
    """Return the vectors that articles were stored with, by the text that each was made of."""
    known: dict[str, Vector] = {}
    for indexed in articles:
        heading = _heading(indexed.article.info.title, embedder)
        for stored in indexed.passages:
            if stored.vector is None:
                continue
            text = stored.passage.text
            known[heading + text] = stored.vector
            for span, vector in zip(stored.sentences, stored.sentence_vectors, strict=True):
                known[text[span.start : span.end]] = vector
    return known


@dataclass(frozen=True, slots=True)
class _Draft:
    """A passage before its terms and vectors are known.

    `texts` are what is embedded of it: the whole, then its sentences; none if nothing is.
    """

    passage: Passage
    sentences: tuple[Span, ...]
    texts: tuple[str, ...]

    def indexed(
        self, terms: Terms, vectors: Mapping[str, Vector], dimensions: int
    ) -> IndexedPassage:
        own = [vectors[text] for text in self.texts]
        return IndexedPassage(
            passage=self.passage,
            terms=terms,
            vector=own[0] if own else None,
            sentences=self.sentences,
            sentence_vectors=(
                np.stack(own[1:]) if len(own) > 1 else np.zeros((0, dimensions), np.float32)
            ),
        )


def _drafts(
    article: Article, embedder: Embedder, settings: Settings, *, by_line: bool, embed: bool
) -> Iterator[_Draft]:
    title = article.info.title
    heading = _heading(title, embedder)
    room = embedder.max_tokens
    if heading:
        room -= embedder.count_tokens([heading])[0] + 1
    # Where a passage ends does not depend on `embed`: vectors that are added later fit it.
    for passage in split(
        article, embedder.count_tokens, room, by_line=by_line, most_tokens=embedder.most_tokens
    ):
        text = passage.text
        sentences = evidence_spans(text) if embed and settings.sentence_vectors else []
        if len(sentences) < 2:
            sentences = []
        texts = (heading + text, *(text[s.start : s.end] for s in sentences)) if embed else ()
        yield _Draft(
            passage=passage,
            sentences=tuple(sentences),
            texts=texts,
        )


def _heading(title: str, embedder: Embedder) -> str:
    """Return what of a title is embedded before each passage's text."""
    heading, most = f"{title}\n" if title else "", embedder.max_tokens // 4
    if not heading or embedder.most_tokens(heading) < most:
        return heading
    # A long one would crowd out the text; its words are still matched.
    return "" if embedder.count_tokens([heading])[0] >= most else heading


def _embed(
    texts: Sequence[str], embedder: Embedder, on_share: Callable[[float], None] | None
) -> dict[str, Vector]:
    """Return each different text's vector; a repeated line is embedded once."""
    different = list(dict.fromkeys(texts))
    if not different:
        return {}
    progress = (lambda n: on_share(n / len(different))) if on_share else None
    return dict(zip(different, embedder.embed_passages(different, progress), strict=True))
