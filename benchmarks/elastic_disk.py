"""What an index on Elasticsearch takes on the disk, field by field, beside one written by hand.

    python -m benchmarks.elastic_disk PROSE.jsonl[.gz] [--json]

PROSE has an article of real text a line (`id`, `title`, `text`). Its passages are indexed
without vectors, and by hand as tutorials do: text and title with the built-in `arabic`
analyzer. Sizes are Elasticsearch's own (`_disk_usage`), of one merged segment each, after
what is kept for the recovery of replicas was dropped: that happens at a merge once a
retention lease has moved on, half a minute after a flush.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch
from elasticsearch.helpers import bulk

from indexer.ingestion.batches import BATCH_ARTICLES
from indexer.ingestion.preparing import prepare
from search.assembly import fingerprint_of
from search.domain import Article, ArticleInfo, IndexedArticle
from search.embedding import open_embedder
from search.engines import open_engine, temporary_index
from search.settings import Settings, read_settings
from tests.servers import elasticsearch

LEASE = 35  # seconds after which the lease has surely moved on


def prepared(corpus: Path, settings: Settings) -> Iterator[list[IndexedArticle]]:
    """Yield a corpus in batches, ready to be written, without vectors."""
    embedder = open_embedder(settings)
    opened = gzip.open if corpus.suffix == ".gz" else open
    with opened(corpus, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    articles = [
        Article(ArticleInfo(id=row["id"], title=row.get("title", "")), row["text"]) for row in rows
    ]
    for start in range(0, len(articles), BATCH_ARTICLES):
        some = articles[start : start + BATCH_ARTICLES]
        yield prepare(some, embedder, settings, embed=False)


def measure(corpus: Path, settings: Settings) -> dict[str, dict[str, Any]]:
    """Return megabytes as indexing leaves them, merged, and of each field; passages too."""
    plain = f"plain-{uuid.uuid4().hex[:12]}"
    with (
        temporary_index(settings) as own,
        closing(Elasticsearch(settings.elasticsearch_url, request_timeout=600)) as client,
    ):
        analysed = {"type": "text", "analyzer": "arabic"}
        client.indices.create(
            index=plain,
            settings={"number_of_replicas": 0},
            mappings={"properties": {"text": analysed, "title": analysed}},
        )
        try:
            with closing(open_engine(own, fingerprint_of(open_embedder(own), own))) as engine:
                for batch in prepared(corpus, own):
                    engine.write(batch)
                    documents = (
                        {"text": p.passage.text, "title": indexed.article.info.title}
                        for indexed in batch
                        for p in indexed.passages
                    )
                    bulk(client, documents, index=plain)
            indices = {"Fihris": own.elasticsearch_index, "by hand": plain}
            left = {name: _size(client, index) for name, index in indices.items()}
            client.indices.flush(index=",".join(indices.values()), force=True)
            time.sleep(LEASE)
            return {
                name: {"left": left[name], **_merged(client, index)}
                for name, index in indices.items()
            }
        finally:
            client.indices.delete(index=plain)


def _merged(client: Elasticsearch, index: str) -> dict[str, Any]:
    client.indices.forcemerge(index=index, max_num_segments=1)
    client.indices.refresh(index=index)
    client.indices.flush(index=index)
    (found,) = (
        about
        for name, about in client.indices.disk_usage(index=index, run_expensive_tasks=True).items()
        if name != "_shards"
    )
    fields = {name: field["total_in_bytes"] / 1e6 for name, field in found["fields"].items()}
    return {"merged": _size(client, index), "fields": fields}


def _size(client: Elasticsearch, index: str) -> float:
    client.indices.refresh(index=index)
    store = client.indices.stats(index=index, metric="store")["_all"]["total"]["store"]
    return float(store["size_in_bytes"] / 1e6)


def table(measured: dict[str, dict[str, Any]]) -> str:
    """Return the sizes as a Markdown table, the largest fields first."""
    ours, plain = measured["Fihris"], measured["by hand"]
    fields = {**dict.fromkeys(ours["fields"]), **dict.fromkeys(plain["fields"])}
    ordered = sorted(fields, key=lambda name: -ours["fields"].get(name, 0.0))
    lines = ["| MB | Fihris | by hand |", "|---|--:|--:|"]
    lines += [
        f"| `{name}` | {ours['fields'].get(name, 0.0):.2f} | {plain['fields'].get(name, 0.0):.2f} |"
        for name in ordered
        if max(ours["fields"].get(name, 0.0), plain["fields"].get(name, 0.0)) >= 0.05
    ]
    ratio = ours["merged"] / plain["merged"]
    lines.append(
        f"| **merged** | **{ours['merged']:.1f}**, {ratio:.2f} times | **{plain['merged']:.1f}** |"
    )
    lines.append(f"| as indexing leaves it | {ours['left']:.1f} | {plain['left']:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with elasticsearch() as server:
        settings = read_settings().model_copy(
            update={
                "engine": "elasticsearch",
                "elasticsearch_url": server.url,
                "elasticsearch_replicas": 0,
            }
        )
        measured = measure(asked.corpus, settings)
    print(json.dumps(measured, indent=2) if asked.json else table(measured))


if __name__ == "__main__":
    main()
