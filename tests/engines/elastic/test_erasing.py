"""What was removed is merged away: no segment of the index is left that holds any of it."""

from __future__ import annotations

from contextlib import closing

import pytest

from search.engines import erase
from search.engines.elastic.connection import Connection
from search.engines.elastic.engine import ElasticEngine
from tests.conformance.corpus import random_articles
from tests.engines.elastic.opening import settings


@pytest.mark.slow  # Elasticsearch lets go of history 30 s after a write
def test_no_segment_holds_what_was_removed(direct: ElasticEngine, alias: str, url: str) -> None:
    articles = random_articles(1, 30)
    direct.write(articles)
    direct.show()
    gone = [each.article.id for each in articles[:3]]  # fewer than Elasticsearch merges by itself
    direct.delete(gone)
    assert list(erase(settings(url, alias))) == []
    with closing(Connection(settings(url, alias))) as connection:
        stats = connection.call(lambda client: client.indices.stats(index=alias, metric="docs"))
        about = connection.call(lambda client: client.indices.get_settings(index=alias))
    assert stats["_all"]["total"]["docs"]["deleted"] == 0
    assert stats["_all"]["total"]["docs"]["count"] > 0
    assert "expunge" not in str(about)  # the setting is as it was
