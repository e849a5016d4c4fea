"""Formats what the command line prints: results, reports and tables as text, JSON for programs.

On a terminal matches are bold; anywhere else they stand between ** and **. Control
characters of articles and file names are shown as escapes, so that no text can send
commands to a terminal.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rich.text import Text

from indexer.cli.terminal import plain

if TYPE_CHECKING:  # numpy behind these would slow `fihris --help`
    from _typeshed import DataclassInstance

    from indexer.evaluation.comparison import Compared
    from indexer.evaluation.measures import Evaluation
    from indexer.ingestion.pipeline import Report
    from indexer.ingestion.reindex import Copied
    from search.analysis.tokens import Token
    from search.annotations.domain import Anchored
    from search.domain import (
        ArticleInfo,
        Component,
        Group,
        Hit,
        Match,
        Mode,
        Passage,
        RelaxationKind,
        Results,
        Segment,
        StoredPassage,
        Total,
    )
    from search.engines.protocol import EngineStatus
    from search.ranking.kwic import Kwic
    from search.saved.domain import ShownMatch

_SPACES = re.compile(r"\s+")
MOST_SHOWN = 20  # kinds of what was left out


def as_json(value: object) -> str:
    """Return dataclasses, mappings, sequences and dates as one line of JSON."""
    return json.dumps(value, ensure_ascii=False, default=_jsonable)


def _jsonable(value: object) -> object:
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(cast("DataclassInstance", value))
        return {field.name: getattr(value, field.name) for field in fields}
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_RELAXED: Mapping[RelaxationKind, str] = {
    "words": "Without words that no passage has",
    "operators": "Without quotes and signs",
    "filter": "Without the filter",
    "match": "At any level of match",
}


def marked(segments: Sequence[Segment], *, bold: bool) -> Text:
    """Return segments with their matches marked."""
    text = Text()
    for segment in segments:
        shown = plain(segment.text)
        if segment.match:
            text.append(shown if bold else f"**{shown}**", style="bold yellow")
        else:
            text.append(shown)
    return text


def results_text(results: Results, *, bold: bool) -> Text:
    """Return an answer for people: numbered hits, then how many there are."""
    text = Text()
    for number, hit in enumerate(results.hits, start=results.query.start + 1):
        text.append_text(_hit_text(number, hit, bold=bold)).append("\n\n")
    for number, group in enumerate(results.groups or (), start=results.query.start + 1):
        text.append_text(_group_text(number, group, bold=bold)).append("\n\n")
    for field, values in (results.facets or {}).items():
        counts = ", ".join(f"{plain(each.value)} ({each.count:,})" for each in values)
        text.append(f"{field}: {counts or '-'}\n")
    for variant in results.searched_also:
        text.append("Searched also: ").append(
            plain(f"{'، '.join(variant.forms)} ({variant.word})\n")
        )
    if results.did_you_mean is not None:
        text.append(plain(f"Did you mean: {results.did_you_mean.text}\n"))
    if not (results.hits or results.groups):
        text.append(plain(_alone_text(results)))
    for less in results.relaxations:
        text.append(plain(f"{_RELAXED[less.kind]}: {less.text} ({less.passages:,} passages)\n"))
    text.append(plain(_read_text(results)))
    if results.relaxed:
        text.append("No passage holds the quoted phrase; its words were searched.\n")
    if results.collapsed:
        text.append(f"Near copies under others, which are counted too: {results.collapsed:,}.\n")
    if "behind" in results.degraded:
        text.append("What was written last is not found by its words yet: is the disk full?\n")
    if failed := [name for name in results.degraded if name != "behind"]:
        text.append(f"Answered without: {', '.join(failed)}.\n")
    text.append(_total_line(results))
    return text


def match_line(found: ShownMatch) -> str:
    """Return a match of a saved search as a line: when, how, where, the title, the text."""
    match, passage, article = found.match, found.passage.passage, found.passage.article
    near = "" if match.score is None else f" {match.score:.2f}"
    text = plain(_SPACES.sub(" ", f"{article.title}  {passage.text}".strip()))
    return f"{match.when}  {match.by}{near}  {plain(passage.id)}  {text}"


def annotation_line(found: Anchored) -> str:
    """Return an annotation as a line: its id, where it stands, labels, note, the passage's text."""
    own, passage = found.annotation, found.passage
    where = plain(passage.id if passage else own.article)
    said = f"[{', '.join(own.labels)}] {own.note} «{passage.text if passage else own.quote}»"
    return f"{own.id}  {found.anchor}  {where}  {plain(_SPACES.sub(' ', said))}"


def kwic_text(found: Kwic, *, bold: bool) -> Text:
    """Return occurrences for people, a line each, then the sources and years they are of."""
    text = Text()
    for line in found.lines:
        before, word, after = (
            plain(_SPACES.sub(" ", part)) for part in (line.before, line.word, line.after)
        )
        text.append(before).append(word if bold else f"**{word}**", style="bold yellow")
        text.append(
            f"{after}\t{plain(line.passage.id)}{_place_text(line.passage)}{_known(line.article)}\n"
        )
    for field, values in found.frequencies.items():
        if values:
            text.append(f"{field}\tpassages\toccurrences in those read\n")
        for one in values:
            text.append(f"{plain(one.value)}\t{one.passages:,}\t{one.occurrences:,}\n")
    if found.answer.relaxed:
        text.append("No passage holds the quoted phrase; its words were searched.\n")
    of = f"{len(found.lines):,} shown of {total_text(found.occurrences)} occurrences"
    read = f"the best {found.read:,} of {found.passages:,} passages were read"
    return text.append(f"{of}; {read}.")


def _hit_text(number: int, hit: Hit, *, bold: bool) -> Text:
    parts = [f"{name} {c.score:.3f}" for name, c in _components(hit)]
    heading = Text(f"{number}. ").append(plain(hit.passage.id), style="cyan")
    heading.append(f"  score {hit.score:.3f}" + (f" ({', '.join(parts)})" if parts else ""))
    heading.append(f"  {_match_text(hit.match)}{_place_text(hit.passage)}")
    heading.append(_known(hit.article))
    if hit.article.title:
        heading.append("\n   ").append_text(marked(hit.title_segments, bold=bold))
    heading.append("\n   ").append_text(marked(hit.segments, bold=bold))
    return heading.append(_explained_text(hit)).append(_copies_text(hit.copies))


def _copies_text(copies: Sequence[StoredPassage]) -> str:
    return "".join(f"\n   near copy: {plain(c.passage.id)}{_known(c.article)}" for c in copies)


def _explained_text(hit: Hit) -> str:
    """Return why a hit has its score, a line each, where it was asked; Arabic in an Arabic locale."""
    if hit.explanation is None:
        return ""
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG", "")
    lines = hit.explanation.reads["ar" if locale.startswith("ar") else "en"]
    return "".join(f"\n     - {plain(line)}" for line in lines)


def _read_text(results: Results) -> str:
    """Return how fields and nearness were read, and what only looks like nearness."""
    read = []
    for one in results.understood:
        sign = "not " if one.occur == "excluded" else ""
        if one.field:
            read.append(f"{sign}{one.field}: {one.text}")
        elif one.within:
            order = "in this order, " if one.kind == "phrase" else ""
            read.append(f"{sign}{one.text} ({order}{one.within} words between at most)")
        elif one.text.startswith(("NEAR/", "~")):
            read.append(f"{one.text} (plain words)")
    return f"Read as: {'; '.join(read)}\n" if read else ""


def _alone_text(results: Results) -> str:
    """Return a line for each word of an answer without hits: what it alone would find."""
    counts = {one.text: one.passages for one in results.understood if one.passages is not None}
    return "".join(
        f"{word} alone: {count:,} passages.\n" if count else f"{word}: in no passage.\n"
        for word, count in counts.items()
    )


def _match_text(match: Match) -> str:
    """Return the level, the words met so, and those that the passage lacks."""
    met = "، ".join(plain(one.word) for one in match.words if one.level == match.level)
    lacking = "، ".join(plain(one.word) for one in match.words if one.level is None)
    return match.level + (f": {met}" if met else "") + (f"; without {lacking}" if lacking else "")


def _group_text(number: int, group: Group, *, bold: bool) -> Text:
    heading = Text(f"{number}. ").append(plain(group.article.id), style="cyan")
    if group.passages is not None:
        heading.append(f"  matching passages: {group.passages:,}")
    heading.append(_known(group.article))
    if group.article.title:
        heading.append("\n   ").append_text(marked(group.hits[0].title_segments, bold=bold))
    for hit in group.hits:
        heading.append(f"\n   #{hit.passage.position}{_place_text(hit.passage)}  ")
        heading.append_text(marked(hit.segments, bold=bold)).append(_explained_text(hit))
    return heading.append(_copies_text(group.copies))


def _place_text(passage: Passage) -> str:
    return f"  {plain(str(passage.place))}" if passage.place else ""


def article_line(article: ArticleInfo) -> str:
    """Return what tells an article from others, tabs between."""
    day = article.published.isoformat() if article.published else "-"
    return "\t".join(
        plain(part) for part in (article.id, day, article.source or "-", article.title)
    )


def _known(article: ArticleInfo) -> str:
    """Return what is known of an article besides its title, as the end of a line."""
    about = [plain(part) for part in (article.source, article.author, article.language) if part]
    if article.published:
        about.append(article.published.isoformat())
    return f"  {' · '.join(about)}" if about else ""


def _components(hit: Hit) -> list[tuple[str, Component]]:
    named = (("keyword", hit.keyword), ("semantic", hit.semantic))
    return [(name, component) for name, component in named if component is not None]


def _total_line(results: Results) -> str:
    took = f"{results.took_ms.get('total', 0.0):.0f} ms"
    if not (results.hits or results.groups):
        return f"Nothing found ({took})."
    if results.groups:
        of = "" if results.articles is None else f" of {total_text(results.articles)}"
        matching = (
            "" if results.total is None else f"; matching passages: {total_text(results.total)}"
        )
        return f"articles: {len(results.groups)} shown{of}{matching} ({took})."
    if results.total is None:
        return f"{len(results.hits)} shown, nearest in meaning first ({took})."
    among = "" if results.articles is None else f", of {total_text(results.articles)} articles"
    return f"{len(results.hits)} shown of {total_text(results.total)}{among} ({took})."


def total_text(total: Total) -> str:
    """Return a total for people: 7, or at least 7."""
    return f"{'' if total.exact else 'at least '}{total.value:,}"


def report_text(report: Report, letters: Path | None = None) -> str:
    """Return what became of an indexing run: a line for each failure, then a table.

    Args:
        report: the run's.
        letters: the file that holds what failed, None without one.
    """
    lines = [f"failed: {plain(f.place)}: {plain(f.reason)}" for f in report.failed]
    failures = sum(report.failures.values())
    if failures > len(report.failed):
        lines.append(f"failed: {failures - len(report.failed):,} more")
    lines += [f"note: {plain(place)}: {plain(note)}" for place, note in report.notes]
    if report.stopped:
        lines.append(
            f"stopped early: {plain(report.stopped)}; what is counted as written is safe, and "
            "the same command goes on from there"
        )
    rate = report.written / report.seconds if report.seconds else 0.0
    would = " (dry run: nothing was written)" if report.dry_run else ""
    rows = {
        "articles": f"{report.articles:,}{would}",
        "created": f"{report.created:,}",
        "updated": f"{report.updated:,}",
        "unchanged": f"{report.unchanged:,}",
        "passages": f"{report.passages:,}",
        "failed": f"{failures:,}{_by_code(report.failures)}",
        "left out": f"{sum(report.left_out.values()):,}{_by_kind(report.left_out)}",
        "seconds": f"{report.seconds:.1f} ({rate:,.1f} articles/s)",
    }
    lines += [f"{name:<11}{value}" for name, value in rows.items()]
    if letters is not None:
        lines.append(f"to try again what failed: fihris index --retry {plain(str(letters))}")
    return "\n".join(lines)


def _by_code(failures: Mapping[str, int]) -> str:
    return f" ({', '.join(f'{n:,} {code}' for code, n in failures.items())})" if failures else ""


def _by_kind(left_out: Mapping[str, int]) -> str:
    shown = [f"{n:,} {plain(kind)}" for kind, n in list(left_out.items())[:MOST_SHOWN]]
    if len(left_out) > MOST_SHOWN:
        shown.append(f"{sum(list(left_out.values())[MOST_SHOWN:]):,} others")
    return f" ({', '.join(shown)})" if shown else ""


def report_json(report: Report, letters: Path | None = None) -> dict[str, object]:
    """Return a run's report as JSON has it."""
    return {
        "articles": report.articles,
        "created": report.created,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "passages": report.passages,
        "failures": dict(report.failures),
        "failed": [{"item": f.place, "code": f.code, "reason": f.reason} for f in report.failed],
        "left_out": sum(report.left_out.values()),
        "left_out_kinds": dict(report.left_out),
        "skipped": [{"item": s.place, "reason": s.reason} for s in report.skipped],
        "notes": [{"item": place, "note": note} for place, note in report.notes],
        "seconds": round(report.seconds, 3),
        "dry_run": report.dry_run,
        "stopped": report.stopped,
        "dead_letters": None if letters is None else str(letters),
    }


def copied_text(copied: Copied) -> str:
    """Return what became of a reindexing or a migration."""
    lines = [
        f"{copied.articles:,} articles: {copied.written:,} written, {copied.unchanged:,} were there"
        f" already, {copied.removed:,} removed; vectors "
        + ("kept" if copied.vectors_kept else "made anew, the model is another one")
    ]
    if copied.kept:
        lines.append(f"the old version was kept: {plain(copied.kept)}")
    return "\n".join(lines)


def status_text(status: EngineStatus) -> str:
    """Return what an index holds, a line a fact."""
    made_by = status.fingerprint
    facts = {
        "engine": status.engine,
        "articles": f"{status.articles:,}",
        "passages": f"{status.passages:,}",
        "sentences": f"{status.sentences:,}",
        "without vectors": f"{status.unembedded:,}"
        + (" (`fihris embed` adds them)" if status.unembedded else ""),
        "model": f"{made_by.model} ({made_by.dimensions} dimensions)",
        "sentence vectors": "yes" if made_by.sentence_vectors else "no",
        "analyser": made_by.analyser,
        **status.details,
    }
    width = max(map(len, facts)) + 2
    return "\n".join(f"{name:<{width}}{plain(value)}" for name, value in facts.items())


def tokens_table(text: str, tokens: Sequence[Token]) -> str:
    """Return every layer of every token, tabs between, a heading first."""
    rows = ["start\tend\tword\tletters\tfolded\tstem\tgrams\tvowelled\tstop word"]
    for t in tokens:
        stop = "yes" if t.stop else "no"
        word = plain(text[t.start : t.end])
        cells = (t.start, t.end, word, t.letters, t.folded, t.stem)
        rows.append("\t".join([*map(str, cells), " ".join(t.grams), t.vowelled or "-", stop]))
    return "\n".join(rows)


def evaluation_json(evaluation: Evaluation) -> dict[str, object]:
    """Return an evaluation as JSON has it; measures are not rounded."""
    return {
        "passages": evaluation.passages,
        "queries": evaluation.queries,
        "judged": evaluation.judged,
        "missing": evaluation.missing,
        "modes": {
            mode: {
                "ndcg@10": scores.ndcg_at_10,
                "mrr@10": scores.mrr_at_10,
                "recall@100": scores.recall_at_100,
                "p50_ms": scores.p50_ms,
                "p95_ms": scores.p95_ms,
            }
            for mode, scores in evaluation.modes.items()
        },
    }


def evaluation_table(evaluation: Evaluation) -> str:
    """Return an evaluation for people."""
    rows = [
        f"{evaluation.passages:,} passages, {evaluation.queries:,} queries",
        f"{'mode':<10}{'nDCG@10':>9}{'MRR@10':>9}{'R@100':>9}{'p50 ms':>9}{'p95 ms':>9}",
    ]
    rows += [
        f"{mode:<10}{s.ndcg_at_10:>9.4f}{s.mrr_at_10:>9.4f}{s.recall_at_100:>9.4f}"
        f"{s.p50_ms:>9.1f}{s.p95_ms:>9.1f}"
        for mode, s in evaluation.modes.items()
    ]
    return "\n".join(rows)


def comparison_text(compared: Mapping[Mode, Compared]) -> str:
    """Return for people how two settings differ in nDCG@10."""
    rows = [
        "nDCG@10; p: the chance of such a difference if both were alike (paired randomisation test)",
        f"{'mode':<10}{'as set':>9}{'against':>9}{'change':>9}{'p':>9}{'better':>8}{'worse':>7}",
    ]
    rows += [
        f"{mode:<10}{c.first:>9.4f}{c.second:>9.4f}{c.second - c.first:>+9.4f}{c.p:>9.4f}"
        f"{c.better:>8,}{c.worse:>7,}"
        for mode, c in compared.items()
    ]
    for mode, c in compared.items():
        if c.kinds:
            rows += ["", f"{mode}, by kind (queries)"]
            rows += [
                f"{each.first:>9.4f}{each.second:>9.4f}{each.second - each.first:>+9.4f}"
                f"  {plain(each.name)} ({each.queries:,})"
                for each in c.kinds
            ]
        if c.changed:
            rows += ["", f"{mode}, the queries that changed most"]
            rows += [
                f"{each.first:>9.4f}{each.second:>9.4f}{each.second - each.first:>+9.4f}"
                f"  {plain(each.name)}  {plain(each.text)}"
                for each in c.changed
            ]
    return "\n".join(rows)
