"""Credentials and certificates: right ones work, wrong ones are told, and none is ever shown."""

from __future__ import annotations

import base64
import logging
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from search import saved
from search.annotations import open_store as open_annotations
from search.domain import Annotation, Query
from search.engines import open_engine, successor
from search.engines.elastic.engine import ElasticEngine
from search.engines.elastic.versions import drop_all
from search.errors import EngineError, EngineUnavailable, SettingsError
from search.saved.domain import SavedSearch
from search.settings import Settings
from tests.conformance.corpus import FINGERPRINT
from tests.engines.elastic.opening import stored, versioned
from tests.servers import Node, distribution
from tests.servers.certificates import make_certificates
from tests.support import REPOSITORY

pytestmark = pytest.mark.slow

PASSWORD = "right-Pass_word4"
WRONG = "wrong-Pass_word5"
# docs/RELIABILITY.md has the same two.
LEAST: dict[str, Any] = {
    "cluster": ["monitor"],
    "indices": [{"names": ["fihris*"], "privileges": ["read", "index", "delete", "manage"]}],
}
SEARCHING: dict[str, Any] = {
    "cluster": ["monitor"],
    "indices": [{"names": ["fihris*"], "privileges": ["read", "view_index_metadata", "monitor"]}],
}


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Node(distribution.find(), heap="512m", password=PASSWORD, tls=True) as node:
        yield node


def about(node: Node, **more: object) -> dict[str, object]:
    assert node.certificates is not None
    return {
        "engine": "elasticsearch",
        "elasticsearch_url": node.url,
        "elasticsearch_replicas": 0,
        "elasticsearch_index": f"fihris-{uuid.uuid4().hex[:8]}",
        "elasticsearch_ca": node.certificates.authority,
        "elasticsearch_user": "elastic",
        "elasticsearch_password": PASSWORD,
    } | more


def works(given: dict[str, object]) -> None:
    settings = Settings.model_validate(given)
    engine = ElasticEngine(settings, FINGERPRINT)
    try:
        engine.write([versioned("a", "v1")])
        assert stored(engine) == {"a": "v1"}
    finally:
        engine.close()
        drop_all(settings)


def refused(given: dict[str, object], *secrets: str) -> str:
    """Return what is said of settings; fail if a secret is in it."""
    settings = Settings.model_validate(given)
    with pytest.raises((EngineError, SettingsError)) as told:
        open_engine(settings, FINGERPRINT)
    for shown in (str(told.value), repr(told.value), repr(settings), str(settings)):
        for secret in secrets:
            assert secret not in shown
    return str(told.value)


def api_key(node: Node, **body: object) -> tuple[str, str]:
    made = node.ask("/_security/api_key", "POST", {"name": uuid.uuid4().hex, **body})
    return str(made["encoded"]), str(made["api_key"])


def no_user() -> dict[str, object]:
    return {"elasticsearch_user": None, "elasticsearch_password": None}


def test_right_credentials_work_and_no_secret_is_logged(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("elastic_transport", "elasticsearch", "urllib3", "search"):
        caplog.set_level(logging.DEBUG, logger=name)
    works(about(node))
    encoded, secret = api_key(node)
    works(about(node, **no_user(), elasticsearch_api_key=encoded))
    assert node.certificates is not None
    pinned = about(
        node, elasticsearch_ca=None, elasticsearch_fingerprint=node.certificates.fingerprint
    )
    works(pinned)
    basic = base64.b64encode(f"elastic:{PASSWORD}".encode()).decode()
    assert "_bulk" in caplog.text, "nothing was logged, so this proves nothing"
    for hidden in (PASSWORD, basic, encoded, secret):
        assert hidden not in caplog.text


def test_wrong_credentials(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = base64.b64encode(b"some-id:some-secret-key").decode()
    for given in (
        about(node, elasticsearch_password=WRONG),
        about(node, **no_user(), elasticsearch_api_key=wrong),
        about(node, **no_user(), elasticsearch_api_key="no-base64-§"),
        about(node, **no_user()),
    ):
        said = refused(given, WRONG, wrong, "some-secret-key", "no-base64-§")
        assert "FIHRIS_ELASTICSEARCH_" in said
    url = node.url.replace("//", f"//elastic:{WRONG}@")
    with pytest.raises(EngineUnavailable) as told:
        open_engine(
            Settings.model_validate(about(node, **no_user(), elasticsearch_url=url)), FINGERPRINT
        )
    assert WRONG not in str(told.value)
    assert WRONG not in caplog.text
    assert wrong not in caplog.text
    assert "does not accept the credentials" in refused(about(node, elasticsearch_password=WRONG))


def test_certificates_that_are_not_trusted(node: Node, tmp_path: Path) -> None:
    other = make_certificates(tmp_path / "other")
    for given in (
        about(node, elasticsearch_ca=None),
        about(node, elasticsearch_ca=other.authority),
        about(node, elasticsearch_ca=None, elasticsearch_fingerprint=other.fingerprint),
    ):
        said = refused(given, PASSWORD)
        assert "is not trusted" in said
        assert "FIHRIS_ELASTICSEARCH_CA" in said
    assert "is no file" in refused(about(node, elasticsearch_ca=tmp_path / "absent"), PASSWORD)
    plain = refused(
        about(node, elasticsearch_url=node.url.replace("https", "http"), elasticsearch_ca=None),
        PASSWORD,
    )
    assert "cannot reach" in plain


def test_the_command_shows_no_secret(node: Node) -> None:
    encoded, secret = api_key(node)
    for given in (
        about(node, elasticsearch_password=WRONG),
        about(node, **no_user(), elasticsearch_api_key=encoded),
        about(node, **no_user(), elasticsearch_url=node.url.replace("//", f"//elastic:{WRONG}@")),
    ):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("FIHRIS_ELASTIC")}
        environment |= {f"FIHRIS_{k.upper()}": str(v) for k, v in given.items() if v is not None}
        done = subprocess.run(
            [sys.executable, "-m", "indexer.cli", "status"],
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout + done.stderr
        assert said.strip()
        assert done.returncode in (0, 1)
        assert "Traceback" not in said
        for hidden in (WRONG, PASSWORD, encoded, secret):
            assert hidden not in said


def everything(given: dict[str, object]) -> None:
    """Do all that Fihris does: make, write, replace, remove, search, fill and swap a version."""
    settings = Settings.model_validate(given)
    engine = ElasticEngine(settings, FINGERPRINT)
    try:
        engine.write([versioned("a", "v1"), versioned("b", "v1")])
        engine.write([versioned("b", "v22")])
        engine.clean()
        assert stored(engine) == {"a": "v1", "b": "v22"}
        with engine.hold("reindexing"), successor(settings, FINGERPRINT) as following:
            following.engine.write([versioned("a", "v1"), versioned("b", "v22")])
            assert stored(following.engine) == {"a": "v1", "b": "v22"}
            following.take_over(keep=False)
        assert stored(engine) == {"a": "v1", "b": "v22"}
    finally:
        engine.close()
        drop_all(settings)


def granted(node: Node, role: dict[str, Any], **more: object) -> dict[str, object]:
    encoded, _ = api_key(node, role_descriptors={"fihris": role})
    return about(node, **no_user(), elasticsearch_api_key=encoded, **more)


def fewer(role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a role without each of its privileges."""
    yield role | {"cluster": []}
    (one,) = role["indices"]
    for missing in one["privileges"]:
        left = [each for each in one["privileges"] if each != missing]
        yield role | {"indices": [one | {"privileges": left}]}


def test_the_least_privileges(node: Node) -> None:
    """What docs/RELIABILITY.md asks for is enough, and none of it is too much."""
    everything(granted(node, LEAST))
    for role in fewer(LEAST):
        with pytest.raises(EngineUnavailable, match="does not allow this to these credentials"):
            everything(granted(node, role))


def search_and_status(given: dict[str, object]) -> None:
    settings = Settings.model_validate(given)
    with (
        closing(ElasticEngine(settings, FINGERPRINT)) as engine,
        closing(saved.open_store(settings)) as searches,
        closing(open_annotations(settings)) as annotations,
    ):
        assert stored(engine) == {"a": "v1"}
        assert searches.tallies().keys() == {"s"}
        assert searches.matches("s", None, 10) == []
        assert [each.id for each in annotations.all()] == ["n"]


def test_the_least_privileges_of_who_only_searches(node: Node) -> None:
    name = f"fihris-{uuid.uuid4().hex[:8]}"
    full = Settings.model_validate(about(node, elasticsearch_index=name))
    engine = ElasticEngine(full, FINGERPRINT)
    try:
        engine.write([versioned("a", "v1")])
        assert stored(engine) == {"a": "v1"}
        with closing(saved.open_store(full)) as searches, closing(open_annotations(full)) as notes:
            searches.add(SavedSearch("s", "name", Query("نفط"), created="2026-01-01"))
            notes.put([Annotation("n", "a")])
        search_and_status(granted(node, SEARCHING, elasticsearch_index=name))
        for role in fewer(SEARCHING):
            with pytest.raises(EngineUnavailable, match="does not allow this"):
                search_and_status(granted(node, role, elasticsearch_index=name))
        reader = Settings.model_validate(granted(node, SEARCHING, elasticsearch_index=name))
        other = ElasticEngine(reader, FINGERPRINT)
        with pytest.raises(EngineUnavailable, match="does not allow this"):
            other.write([versioned("b", "v1")])
        other.close()
        assert stored(engine) == {"a": "v1"}
    finally:
        engine.close()
        drop_all(full)
