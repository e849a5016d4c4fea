"""Metadata of stored articles changed without their texts: passages and vectors stay as they are.

A passage's vector is made of its text and its article's title, neither of which is changed here.
Terms are made again, since an article's first passage has those of its source and author.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from indexer.extraction.encodings.mojibake import check_fields
from indexer.ingestion.analysis_worker import analysed, with_byline
from indexer.ingestion.records import metadata_from
from search.analysis.folding import fold_value
from search.domain import ArticleInfo, IndexedArticle, WriteOutcome
from search.engines.protocol import EngineWriter
from search.errors import InputError, SourceError
from search.ingest import FAILURES_TOLD, Worked
from search.limits import MAX_TAGS

FIELDS = ("source", "author", "language", "published", "tags")
MORE_TAGS, FEWER_TAGS = "add_tags", "remove_tags"


@dataclass(frozen=True, slots=True)
class Change:
    """What is set of an article's metadata, and the tags that come and go."""

    values: Mapping[str, object]
    add_tags: tuple[str, ...] = ()
    remove_tags: frozenset[str] = field(default_factory=frozenset)  # folded

    def of(self, info: ArticleInfo) -> ArticleInfo:
        """Return an article's metadata as it becomes. Raises SourceError on too many tags."""
        info = replace(info, **self.values)  # type: ignore[arg-type]
        kept = (tag for tag in info.tags if fold_value(tag) not in self.remove_tags)
        tags = tuple(dict.fromkeys((*kept, *self.add_tags)))
        if len(tags) > MAX_TAGS:
            raise SourceError(
                f'it would have {len(tags):,} "tags", and {MAX_TAGS} are the most', code="bad-field"
            )
        return replace(info, tags=tags)


def change_from(fields: Mapping[str, object]) -> Change:
    """Return the change that these fields ask for; null and "" make a field unknown.

    `source`, `author`, `language`, `published` and `tags` are as an article has them;
    `add_tags` and `remove_tags` are lists too.

    Raises InputError, naming the field.
    """
    known = (*FIELDS, MORE_TAGS, FEWER_TAGS)
    if unknown := next((name for name in fields if name not in known), None):
        raise InputError(
            f"{unknown[:100]!r} cannot be changed here; what can be: {', '.join(known)}. Give an"
            " article anew to change its title or text.",
            field=unknown[:100],
        )
    if not fields:
        raise InputError(f"nothing is to be changed: give any of {', '.join(known)}", field="body")
    if "language" in fields and not fields["language"]:
        raise InputError("language must be a code such as ar", field="language")
    tags = {name: _read("tags", value, name).tags for name, value in fields.items() if "_" in name}
    return Change(
        {
            name: getattr(_read(name, value, name), name)
            for name, value in fields.items()
            if name in FIELDS
        },
        tags.get(MORE_TAGS, ()),
        frozenset(map(fold_value, tags.get(FEWER_TAGS, ()))),
    )


def _read(name: str, value: object, told: str) -> ArticleInfo:
    """Return what a field says of an article. Raises InputError, which names it as `told`."""
    try:
        info = metadata_from({name: value})
        check_fields({name: getattr(info, name)})
    except SourceError as error:
        raise InputError(str(error).replace(f'"{name}"', f'"{told}"'), field=told) from error
    return info


def change_articles(
    engine: EngineWriter, infos: Sequence[ArticleInfo], change: Change, *, dry_run: bool = False
) -> list[WriteOutcome]:
    """Change articles that are listed as `infos`; return what became of each that is there.

    What another process writes in the same moment fails, so that nothing of it is lost.

    Args:
        dry_run: tell what would be, and write nothing.

    Raises EngineError: nothing was acknowledged.
    """
    ended: list[WriteOutcome] = []
    wanted: list[str] = []
    for info in infos:
        try:
            changes = change.of(info) != info
        except SourceError as error:
            ended.append(WriteOutcome(info.id, "failed", str(error), error.code))
        else:
            if not changes or dry_run:
                ended.append(WriteOutcome(info.id, "updated" if changes else "unchanged"))
            else:
                wanted.append(info.id)
    if not wanted:
        return ended
    read = engine.indexed(wanted)
    ready = [_changed(indexed, change.of(indexed.article.info)) for indexed in read]
    stored = engine.stored(wanted)
    as_read = []
    for before, after in zip(read, ready, strict=True):
        there = stored.get(before.article.id)
        if there is not None and there.content_hash == before.article.content_hash():
            as_read.append(after)
        elif there is not None:
            why = "another process wrote it in the same moment; try again"
            ended.append(WriteOutcome(before.article.id, "failed", why, "changed"))
    return ended + (engine.write(as_read) if as_read else [])


def counted(ended: Sequence[WriteOutcome]) -> Worked:
    """Return how many were changed and not, and the first failures."""
    failed = [one for one in ended if one.status == "failed"]
    unchanged = sum(one.status == "unchanged" for one in ended)
    return Worked(
        changed=len(ended) - len(failed) - unchanged,
        unchanged=unchanged,
        failures=len(failed),
        failed=tuple(failed[:FAILURES_TOLD]),
    )


def _changed(indexed: IndexedArticle, info: ArticleInfo) -> IndexedArticle:
    terms = analysed([(info.title, [each.passage.text for each in indexed.passages])])[0]
    terms[:1] = [with_byline(info, words) for words in terms[:1]]
    passages = zip(indexed.passages, terms, strict=True)
    return IndexedArticle(
        replace(indexed.article, info=info),
        tuple(replace(passage, terms=words) for passage, words in passages),
    )
