"""What one request stores the next ones find, in any order of requests, until it is removed.

SCENARIOS=1000 has so many drawn anew; without it there are a few, the same each time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.specs.openapi.checks import ignored_auth

from api.app import create_app
from indexer.ingestion.service import EngineIngest
from search.annotations.manager import Annotations
from search.assembly import fingerprint_of
from search.engines import open_engine
from search.keys import SCOPES, KeyFile
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.api.test_fuzz import BOUNDED, POSITIVE, crosses
from tests.support import HashingEmbedder

pytestmark = pytest.mark.slow

SCENARIOS = os.environ.get("SCENARIOS")

IDS = ("a", "a#0", "خبر ١", "/laws/17")  # one of them like a passage's
WORDS = ("بغداد", "نفط", "قمر")
PARAGRAPHS = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3), min_size=1, max_size=3)  # fmt: skip
TEXTS = PARAGRAPHS.map(lambda each: "\n\n".join(" ".join(words) for words in each))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[RuleBasedStateMachine]]:
    data = tmp_path_factory.mktemp("stateful")
    own = Settings(data=data, host="testserver", key_rate=0, address_rate=0)
    key = {"Authorization": f"Bearer {KeyFile(data / 'keys.json').create('all', SCOPES)[1]}"}
    embedder = HashingEmbedder()
    engine = open_engine(own, fingerprint_of(embedder, own))
    app = create_app(Searcher(engine, embedder), own, lambda _: EngineIngest(engine, embedder, own))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)

    @cache
    def cases(method: str, path: str) -> st.SearchStrategy[Any]:
        drawn = schema[path][method].as_strategy(generation_mode=POSITIVE, feedback=NO_FEEDBACK)
        return drawn.filter(lambda case: not crosses(case))

    class Stored(RuleBasedStateMachine):
        """Each request is drawn from the OpenAPI document and its answer checked by it; what it is
        about is ours, and what it says is compared with what there must be.
        """

        def __init__(self) -> None:
            super().__init__()
            self.texts: dict[str, str] = {}  # of each article
            self.annotated: dict[str, str] = {}  # id of an annotation, and its article's

        def teardown(self) -> None:
            engine.delete(IDS)
            with Annotations(engine, own) as annotations:
                for each in self.annotated:
                    annotations.remove(each)

        def ask(
            self, data: st.DataObject, method: str, path: str, id: str = "", **given: Any
        ) -> Any:
            case = data.draw(cases(method, path))
            if id:
                case.path_parameters = {"id": quote(id, safe="")}
            for name, value in given.items():
                setattr(case, name, value)
            return case.call_and_validate(headers=key, excluded_checks=[ignored_auth])

        @initialize(data=st.data(), text=TEXTS)
        def begin(self, data: st.DataObject, text: str) -> None:
            for each in IDS[:3]:
                self.put(data, each, text)

        @rule(data=st.data(), id=st.sampled_from(IDS), text=TEXTS)
        def put(self, data: st.DataObject, id: str, text: str) -> None:
            answer = self.ask(data, "PUT", "/v1/articles/{id}", id, query={}, body={"text": text})
            assert answer.status_code == (200 if id in self.texts else 201)
            self.texts[id] = text

        @rule(data=st.data(), id=st.sampled_from(IDS))
        def get(self, data: st.DataObject, id: str) -> None:
            answer = self.ask(data, "GET", "/v1/articles/{id}", id)
            assert answer.status_code == (200 if id in self.texts else 404)
            assert answer.json().get("text") == self.texts.get(id)

        @rule(data=st.data(), id=st.sampled_from(IDS))
        def delete(self, data: st.DataObject, id: str) -> None:
            answer = self.ask(data, "DELETE", "/v1/articles/{id}", id)
            assert answer.status_code == (204 if self.texts.pop(id, None) else 404)

        @rule(data=st.data(), id=st.sampled_from(IDS), number=st.integers(0, 3))
        def passage(self, data: st.DataObject, id: str, number: int) -> None:
            answer = self.ask(data, "GET", "/v1/passages/{id}", f"{id}#{number}")
            there = dict(enumerate(self.texts.get(id, "").split("\n\n")))
            assert (answer.json()["passage"]["text"] if answer.status_code == 200 else "") == (
                there.get(number, "")
            )

        @rule(data=st.data(), word=st.sampled_from(WORDS))
        def search(self, data: st.DataObject, word: str) -> None:
            asked = {"q": word, "mode": "keyword", "size": 100}
            answer = self.ask(data, "GET", "/v1/search", query=asked)
            found = {hit["article"]["id"] for hit in answer.json()["hits"]}
            assert found == {key for key, text in self.texts.items() if word in text}

        @rule(data=st.data())
        def search_anything(self, data: st.DataObject) -> None:
            answer = self.ask(data, "POST", "/v1/search")
            found = {hit["article"]["id"] for hit in answer.json()["hits"] if "article" in hit}
            assert found <= set(self.texts)

        @rule(data=st.data(), id=st.sampled_from(IDS), mark=st.sampled_from(["", "#0", "#2"]))
        def annotate(self, data: st.DataObject, id: str, mark: str) -> None:
            body = {"target": f"{id}{mark}", "labels": ["شاهد"]}
            answer = self.ask(data, "POST", "/v1/annotations", body=body)
            if answer.status_code == 201:
                assert answer.json()["target"] in self.texts
                self.annotated[answer.json()["id"]] = answer.json()["target"]
            else:
                assert answer.status_code == 404
                assert mark or id not in self.texts

        @precondition(lambda self: self.annotated)
        @rule(data=st.data(), chosen=st.integers(0, 9))
        def remove_annotation(self, data: st.DataObject, chosen: int) -> None:
            key, path = list(self.annotated)[chosen % len(self.annotated)], "/v1/annotations/{id}"
            assert self.ask(data, "PUT", path, key, body={"note": "ملاحظة"}).status_code == 200
            assert self.ask(data, "DELETE", path, key).status_code == 204
            assert self.ask(data, "DELETE", path, key).status_code == 404
            del self.annotated[key]

        @rule(data=st.data(), id=st.sampled_from(IDS))
        def annotations(self, data: st.DataObject, id: str) -> None:
            answer = self.ask(data, "GET", "/v1/annotations", query={"article": [id], "size": 100})
            found = answer.json()["annotations"]
            assert {each["id"] for each in found} == {
                k for k, v in self.annotated.items() if v == id
            }
            assert all((each["anchor"] == "orphaned") == (id not in self.texts) for each in found)

        @invariant()
        def counted(self) -> None:
            assert engine.status().articles == len(self.texts)

    yield Stored
    engine.close()


def test_what_is_stored_is_found_until_it_is_removed(
    stored: type[RuleBasedStateMachine],
) -> None:
    limits = settings(
        BOUNDED,
        max_examples=int(SCENARIOS or 20),
        stateful_step_count=30,
        derandomize=not SCENARIOS,
        database=None,
    )
    run_state_machine_as_test(stored, settings=limits)
