"""Citations: an address that names an article's edition, and tells when there is a newer one."""

from __future__ import annotations

import re
from typing import Any, cast
from urllib.parse import parse_qs, quote, urlsplit

from search.domain import IndexedArticle
from search.engines.protocol import Engine
from search.ranking.searcher import Searcher
from tests.api.support import ToldSearcher, client
from tests.conformance.corpus import EMBEDDER, indexed

ID = "/files/خبر 50% & #1.txt"
CITED = indexed(ID, "بغداد", title="خبر", source="CNN")


def test_a_cited_edition_is_told_from_the_one_there_is(engine: Engine) -> None:
    engine.write([CITED, indexed("b", "بغداد")])
    with client(cast("ToldSearcher", Searcher(engine, EMBEDDER))) as http:

        def read(**parameters: str) -> dict[str, Any]:
            answer = http.get(f"/v1/articles/{quote(ID, safe='')}", params=parameters)
            return cast("dict[str, Any]", answer.json())

        def after(*changed: IndexedArticle) -> bool:
            engine.write(changed)
            return cast("bool", read(edition=edition)["is_current"])

        search = {"q": "بغداد", "mode": "keyword", "source": "CNN"}
        ris = http.get("/v1/search", params={**search, "format": "ris"}).text
        bibtex = http.get("/v1/search", params={**search, "format": "bibtex"}).text
        address = re.findall(r"^N1  - (\S+)", ris, re.MULTILINE)
        note = re.findall(r"^  note = {(.*)},", bibtex, re.MULTILINE)
        assert address == [re.sub(r"\\(.)", r"\1", each) for each in note]
        asked = parse_qs(urlsplit(address[0]).query)
        assert address[0].startswith("http://localhost/?article=")
        assert asked["article"] == [ID]
        [edition] = asked["edition"]

        assert read()["is_current"] is None
        assert read()["edition"] == edition
        listed = http.get("/v1/articles", params={"article": ID, "fields": "edition"}).json()
        assert listed["articles"] == [{"edition": edition}]
        assert after(CITED)
        assert not after(indexed(ID, "بغداد", title="خبر آخر", source="CNN"))
        assert not after(indexed(ID, "البصرة", title="خبر", source="CNN"))
        assert read()["edition"] != edition
        assert after(CITED)
        assert read(edition="newest")["type"] == "/problems/invalid-input"
        engine.delete([ID])
        assert read(edition=edition)["type"] == "/problems/not-found"
