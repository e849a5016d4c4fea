"""Which clauses over the layers rank best as pure keyword search? Measured, not guessed.

    python benchmarks/lexical.py ../shared/eval/xquad-ar seeds/judgements [--json]

Every line is a query form: which layers' terms are asked, with which weight. Scores are
Tantivy's BM25 (k1 1.2, b .75) over whitespace-separated terms, summed, as the embedded
engine computes them; measures are ir-measures'. Stop words are left out of every layer
unless the form says otherwise. A folder has BEIR layout; a folder's queries in other
languages than Arabic are left out where its metadata names the language, since no words
of theirs stand in the passages.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ir_measures
import tantivy
from ir_measures import RR, R, nDCG

from benchmarks import JUDGED, SEEDS
from search.analysis.tokens import Token, analyse, terms
from search.domain import LAYERS, Layer

MEASURES = (nDCG @ 10, RR @ 10, R @ 100)
Weighted = dict[tuple[Layer, str], float]
Form = Callable[[Sequence[Token]], Weighted]


@dataclass(frozen=True, slots=True)
class Judged:
    """A BEIR-layout folder: passages and queries by id, and the judgements."""

    passages: dict[str, str]
    queries: dict[str, str]
    qrels: list[ir_measures.Qrel]


def read_folder(folder: Path) -> Judged:
    """Return a folder's passages (title before text), Arabic queries and judgements."""
    passages = {
        row["_id"]: f"{row.get('title') or ''} {row['text']}".strip()
        for row in _rows(folder / "corpus.jsonl")
    }
    queries = {
        row["_id"]: row["text"]
        for row in _rows(folder / "queries.jsonl")
        if row.get("metadata", {}).get("language", "ar") == "ar"
    }
    lines = (folder / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]
    judged = (line.split("\t") for line in lines)
    qrels = [ir_measures.Qrel(q, p, int(grade)) for q, p, grade in judged if q in queries]
    return Judged(passages, queries, qrels)


def _rows(path: Path) -> Iterable[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def layers(weights: dict[Layer, float], *, stops_in: frozenset[Layer] = frozenset()) -> Form:
    """Return the form that asks each layer's distinct terms with the layer's weight."""

    def form(tokens: Sequence[Token]) -> Weighted:
        content = [t for t in tokens if not t.stop] or tokens
        return {
            (layer, term): weight
            for layer, weight in weights.items()
            for token in (tokens if layer in stops_in else content)
            for term in (token.grams if layer == "grams" else (getattr(token, layer),))
            if term
        }

    return form


def repeated(weights: dict[Layer, float]) -> Form:
    """Return the same form with a gram that stands twice in the query counted twice."""

    def form(tokens: Sequence[Token]) -> Weighted:
        content = [t for t in tokens if not t.stop] or tokens
        asked = layers(weights)(tokens)
        times: dict[str, int] = {}
        for gram in (gram for token in content for gram in token.grams):
            times[gram] = times.get(gram, 0) + 1
        return asked | {("grams", g): n * weights["grams"] for g, n in times.items()}

    return form


FORMS: dict[str, Form] = {
    "letters": layers({"letters": 1}),
    "folded": layers({"folded": 1}),
    "stem": layers({"stem": 1}),
    "stem, stop words too": layers({"stem": 1}, stops_in=frozenset({"stem"})),
    "grams": layers({"grams": 1}),
    "grams, stop words too": layers({"grams": 1}, stops_in=frozenset({"grams"})),
    "grams, repeats counted": repeated({"grams": 1}),
    **{
        f"stem + {weight:g} grams": layers({"stem": 1, "grams": weight})
        for weight in (0.1, 0.2, 0.3, 0.5, 1)
    },
    "stem + 0.5 grams, stop words' grams too": layers(
        {"stem": 1, "grams": 0.5}, stops_in=frozenset({"grams"})
    ),
    "stem + 0.5 grams + 0.1 folded": layers({"stem": 1, "grams": 0.5, "folded": 0.1}),
    "stem + 0.5 grams + 0.1 folded + 0.1 letters": layers(
        {"stem": 1, "grams": 0.5, "folded": 0.1, "letters": 0.1}
    ),
    "stem + 0.3 grams + 0.1 folded + 0.1 letters": layers(
        {"stem": 1, "grams": 0.3, "folded": 0.1, "letters": 0.1}
    ),
    "stem + 0.5 grams + 0.3 folded + 0.3 letters": layers(
        {"stem": 1, "grams": 0.5, "folded": 0.3, "letters": 0.3}
    ),
}


def build(passages: dict[str, str]) -> tuple[tantivy.Index, tantivy.Schema]:
    """Return an index in memory with one whitespace-separated field a layer."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw")
    for layer in LAYERS:
        builder.add_text_field(layer, tokenizer_name="whitespace")
    schema = builder.build()
    index = tantivy.Index(schema)
    splitter = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
    index.register_tokenizer("whitespace", splitter)
    writer = index.writer()
    for passage, text in passages.items():
        writer.add_document(tantivy.Document(id=passage, **terms(text)))
    writer.commit()
    index.reload()
    return index, schema


def measure(judged: Judged, form: Form) -> dict[str, float]:
    """Return each measure of a form over all queries, those that find nothing included."""
    index, schema = build(judged.passages)
    searcher = index.searcher()
    run = []
    for query, text in judged.queries.items():
        clauses = [
            (
                tantivy.Occur.Should,
                tantivy.Query.boost_query(tantivy.Query.term_query(schema, layer, term), weight),
            )
            for (layer, term), weight in form(analyse(text)).items()
        ]
        if clauses:
            hits = searcher.search(tantivy.Query.boolean_query(clauses), 100).hits
            found = ((searcher.doc(address)["id"][0], score) for score, address in hits)
            run += [ir_measures.ScoredDoc(query, passage, score) for passage, score in found]
    values = ir_measures.calc_aggregate(MEASURES, judged.qrels, run)
    return {str(m).lower(): round(values[m], 4) for m in MEASURES}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="*", type=Path, default=[JUDGED, SEEDS])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = {
        folder.name: {name: measure(judged, form) for name, form in FORMS.items()}
        for folder in options.folders
        for judged in [read_folder(folder)]
    }
    if options.json:
        print(json.dumps(results, ensure_ascii=False, indent=1))
        return
    for folder_name, rows in results.items():
        print(
            f"\n### {folder_name}\n\n| form | nDCG@10 | MRR@10 | Recall@100 |\n|---|---:|---:|---:|"
        )
        for name, row in rows.items():
            print(f"| {name} | " + " | ".join(f"{value:.4f}" for value in row.values()) + " |")


if __name__ == "__main__":
    main()
