"""An index that 0.2 made has no field for collections: they are read off the ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.domain import NO_FILTER, Filter
from search.engines.elastic import mapping
from search.query.clauses import Everything, Term
from tests.conformance.conftest import index_of
from tests.conformance.corpus import counts, facets, found, indexed


def test_an_index_without_the_field_is_written_to_filtered_and_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    today = mapping.properties

    def as_before(dimensions: int, vectors: str) -> dict[str, object]:
        its = today(dimensions, vectors)
        return {name: its[name] for name in its if name not in mapping.LATER}

    monkeypatch.setattr(mapping, "properties", as_before)
    with index_of("elasticsearch", tmp_path) as open_again:
        with open_again() as engine:
            engine.write([indexed("/laws/1", "x", "x y"), indexed("a", "x"), indexed("//a", "x")])
        with open_again() as engine:
            engine.write([indexed("/files/1", "x")])
            assert found(engine, Everything(), filter=Filter(collections=("files",))) == [
                "/files/1#0"
            ]
            counted = facets(engine, None, NO_FILTER, ["collection", "source"])
            assert counted == {"collection": [("laws", 2), ("files", 1)], "source": []}
            assert counts(engine, Term("stem", "y"), facets=("collection",)).facets == {
                "collection": [("laws", 1)]
            }
