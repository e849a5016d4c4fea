"""Changed mappings and poison articles; and a removal that is refused."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict
from typing import Any
from urllib.error import HTTPError

import pytest

from search.domain import NO_FILTER, IndexedArticle
from search.engines.elastic import bulk, mapping
from search.engines.elastic import documents as real
from search.engines.elastic import write as writing
from search.engines.elastic.engine import ElasticEngine
from search.engines.protocol import RankRequest
from search.errors import FingerprintMismatch
from search.query.clauses import Term
from tests.conformance.corpus import FINGERPRINT, facets, indexed
from tests.engines.elastic.opening import (
    OLD,
    documents,
    exactly,
    opened,
    seen,
    stored,
    versioned,
    write,
)
from tests.servers.asking import ask

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"_meta": {}}, "_meta.fihris is missing"),
        ({"dynamic": "true"}, "somebody has changed the mapping .*dynamic"),
        ({"_meta": {"fihris": {"format": 99}}}, "format 99"),
        (
            {"_meta": {"fihris": {"format": 2, "fingerprint": asdict(FINGERPRINT)}}},
            "format 2.*`fihris reindex`",
        ),
    ],
)
def test_a_changed_mapping_is_refused_at_the_next_start(
    engine: ElasticEngine, url: str, alias: str, change: dict[str, Any], said: str
) -> None:
    write(engine, OLD)
    ask(f"{url}/{alias}-passages-1/_mapping", "PUT", change)
    with pytest.raises(FingerprintMismatch, match=said), opened(url, alias):
        pass
    assert stored(engine) == OLD  # who has it open goes on with what it knows


def test_authors_of_an_older_index_are_counted_once_it_was_made_anew(
    engine: ElasticEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapping, "_VALUES", mapping._SHOWN)  # as in 0.2
    engine.write([indexed("a", "x", author="أحمد", source="s")])
    assert facets(engine, None, NO_FILTER, ["source"]) == {"source": [("s", 1)]}
    with pytest.raises(FingerprintMismatch, match="`fihris reindex`"):
        facets(engine, None, NO_FILTER, ["source", "author"])


def test_an_additional_field_does_no_harm(engine: ElasticEngine, url: str, alias: str) -> None:
    write(engine, OLD)
    field = {"properties": {"somebody_elses": {"type": "keyword"}}}
    ask(f"{url}/{alias}-passages-1/_mapping", "PUT", field)
    with opened(url, alias) as other:
        write(other, {"b": "v22"})
        assert stored(other) == OLD | {"b": "v22"}


def test_the_type_of_a_field_cannot_be_changed(engine: ElasticEngine, url: str, alias: str) -> None:
    """Elasticsearch itself refuses it, and nothing is changed."""
    write(engine, OLD)
    other = {"properties": {"edition": {"type": "text"}}}
    with pytest.raises(HTTPError, match="400"):
        ask(f"{url}/{alias}-passages-1/_mapping", "PUT", other)
    with opened(url, alias) as again:
        assert seen(again, url, alias) == OLD


@pytest.mark.parametrize("which", ["passage", "text"])
def test_an_article_that_elasticsearch_refuses_fails_alone(
    engine: ElasticEngine, url: str, alias: str, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(engine, OLD)
    plain = real.documents

    def poisoned(
        article: IndexedArticle, edition: str, lacks: Collection[str]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, source in plain(article, edition, lacks):
            poison = article.article.id == "b" and source["kind"] == which
            yield name, source | ({"unknown_field": 1} if poison else {})

    monkeypatch.setattr(writing, "documents", poisoned)
    outcomes = engine.write([versioned(key, "v333") for key in ("a", "b", "c")])
    assert [o.status for o in outcomes] == ["updated", "failed", "created"]
    assert "strict_dynamic_mapping_exception" in outcomes[1].error
    assert "unknown_field" in outcomes[1].error
    assert stored(engine) == {"a": "v333", "b": "v1", "c": "v333"}
    monkeypatch.undo()
    write(engine, {"b": "v333"})
    assert stored(engine) == {"a": "v333", "b": "v333", "c": "v333"}
    exactly(engine, url, alias)
    assert engine.status().articles == 3


def test_passages_whose_removal_is_refused_are_not_shown(
    engine: ElasticEngine, url: str, alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was replaced is not shown for as long as it is there; the next writing removes it."""
    write(engine, OLD)
    plain, refused = bulk.send, []

    def send(connection: Any, target: str, operations: Any) -> list[bulk.Item]:
        given = list(operations)
        if given and all(len(operation.lines) == 1 for operation in given):
            refused.append(len(given))
            return [bulk.Item(each.article, "security_exception") for each in given]
        return plain(connection, target, given)

    with monkeypatch.context() as refusing:
        refusing.setattr(writing, "send", send)
        for version in ("v22", "v333", "v4444"):
            write(engine, {"a": version, "b": version})
            assert stored(engine) == {"a": version, "b": version}
        rankings = engine.rank(RankRequest(Term("stem", "كلمة0"), limit=1))
        assert len(rankings.text) == 1
    assert len(refused) == 3
    write(engine, {"a": "v5", "b": "v5"})
    assert stored(engine) == {"a": "v5", "b": "v5"}
    status = engine.status()
    assert documents(url, alias) == 2 * status.articles + status.passages
