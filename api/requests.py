"""The models of what clients send: checked, bounded, no unknown names. Names are stable within /v1.

The parameters of each path, in its address or in its body, are one model: routes `reads` them,
and `api.openapi` describes them.
"""

from __future__ import annotations

import dataclasses
import re
from datetime import date
from itertools import chain
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin
from urllib.parse import unquote_to_bytes

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    field_validator,
)
from starlette.convertors import PathConvertor, register_url_convertor

from api.schemas import ArticleField, HitField
from search.article_ids import checked_collection
from search.domain import (
    ALSO,
    FACET_FIELDS,
    NO_FILTER,
    AlsoKind,
    Collapse,
    FacetField,
    Filter,
    GroupBy,
    KwicSort,
    Level,
    Mode,
    Query,
    SearchSort,
    Sort,
    WordLevel,
)
from search.editions import DIGITS
from search.errors import InputError
from search.exports import Format
from search.limits import (
    MAX_CONTEXT,
    MAX_CURSOR,
    MAX_FACET_PREFIX,
    MAX_FACET_SIZE,
    MAX_ID,
    MAX_LINES,
    MAX_OCCURRENCES,
    MAX_QUERY_LENGTH,
    MAX_READ,
    MAX_RESULTS,
    MAX_SIZE,
    MAX_SUGGESTIONS,
)

MAX_FILTER_VALUES = 50
MAX_FACETS = len(FACET_FIELDS)
MAX_SEARCHES = 50  # of one request
MAX_SIZES = 1_000  # hits or groups they may ask for, all together
MAX_FILTER_LENGTH = 200  # code points
MAX_ANALYZE_LENGTH = 10_000  # code points
MAX_PASSAGE_ID = MAX_ID + 16  # `#` and a position
MAX_NAME = 400  # of a file, code points

_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def iso_date(value: object) -> object:
    """Let only days and `YYYY-MM-DD` through: pydantic would take timestamps for dates as well."""
    if isinstance(value, str) and _ISO_DATE.fullmatch(value):
        return date.fromisoformat(value)
    if value is None or type(value) is date:
        return value
    raise ValueError("a date is written YYYY-MM-DD")


def _whole(value: object) -> object:
    """Take 10.0 for 10, as JSON Schema's `integer` does."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Given = TypeVar("Given", bound="Parameters")
_QUERY = {each.name for each in dataclasses.fields(Query)}
Value = Annotated[str, Field(min_length=1, max_length=MAX_FILTER_LENGTH)]
Values = Annotated[list[Value], Field(max_length=MAX_FILTER_VALUES)]
Id = Annotated[str, Field(min_length=1, max_length=MAX_ID)]


class _IdConvertor(PathConvertor):
    """An id in an address, line ends too: `path` ends before the last one, so that an id would be another's."""

    regex = "(?s:.*)"


register_url_convertor("id", _IdConvertor())
Ids = Annotated[list[Id], Field(max_length=MAX_FILTER_VALUES)]
Whole = Annotated[int, BeforeValidator(_whole)]
Day = Annotated[date | None, BeforeValidator(iso_date)]
Variants = Annotated[
    bool, Field(description="Search what stands for words that were typed too; `also` says what.")
]
Also = Annotated[
    list[AlsoKind],
    Field(
        max_length=len(ALSO),
        description=(
            "Which of that: Arabic words for `latin` spellings (al3iraq, Baghdad), and each `synonym`"
            " of the server's file."
        ),
    ),
]


QueryText = Annotated[str, Field(max_length=MAX_QUERY_LENGTH)]
Cursor = Annotated[str, Field(max_length=MAX_CURSOR)]
# Of a file. `api.uploads` checks it, and says more than a pattern.
NAME = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_NAME,
    "pattern": "^[^/\\\\\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]"
    "[^\\\\\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]*$",
}


class Parameters(BaseModel):
    """None, unless a path adds some."""

    # By name in Python only, where `from` is none; `reads` and the bodies know aliases alone.
    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True)


def reads(model: type[Given]) -> Any:  # noqa: ANN401  # as FastAPI's `Depends`
    """Return a dependency that gives an address's parameters, checked.

    FastAPI itself takes 0.45 ms of CPU for twelve of them, this 0.03. It also passes over in
    silence a second value where one is read, and bytes that are no UTF-8.
    """
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    lists = {name for name, field in fields.items() if get_origin(field.annotation) is list}

    async def read(request: Request) -> Given:
        _check_encoding(request)
        values: dict[str, object] = {}
        for name in request.query_params:
            given = request.query_params.getlist(name)
            if name not in fields:
                known = ", ".join(fields) or "none"
                raise InputError(
                    f"there is no parameter {name[:100]!r}; there are: {known}", field=name[:100]
                )
            if len(given) > 1 and name not in lists:
                raise InputError(f"{name} is given twice; give it once", field=name)
            values[name] = given if name in lists else given[0]
        try:
            return model.model_validate(values)
        except ValidationError as error:
            found = error.errors(include_url=False)
            raise RequestValidationError(
                [{**each, "loc": ("query", *each["loc"])} for each in found]
            ) from error

    vars(read)["model"] = model
    return Depends(read)


def _check_encoding(request: Request) -> None:
    """Check that an address is UTF-8. Raises InputError."""
    texts = chain((request.scope["path"],), *request.query_params.multi_items())
    # What is no UTF-8 was read as U+FFFD; so is U+FFFD itself.
    suspect = any("\ufffd" in text for text in texts)
    for part, name in (("raw_path", "path"), ("query_string", "query")) if suspect else ():
        try:
            unquote_to_bytes(request.scope.get(part) or b"").decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"the address's {name} is not UTF-8; percent-encode the UTF-8 bytes of each letter",
                field=name,
            ) from error


def described(model: type[BaseModel]) -> list[dict[str, Any]]:
    """Return the OpenAPI parameters of a model that is read from an address."""
    schema = model.model_json_schema()
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "schema": found,
            "description": found["description"],
        }
        for name, found in schema.get("properties", {}).items()
    ]


class FilterParameters(Parameters):
    """Which articles, as query parameters; those of a list are repeated."""

    collection: Values = Field([], description="Only articles in any of these collections.")
    source: Values = Field([], description="Only articles of any of these sources.")
    author: Values = Field([], description="Only articles by any of these authors.")
    language: Values = Field([], description="Only articles in any of these languages.")
    article: Ids = Field([], description="Only these articles, by id.")
    tag: Values = Field([], description="Only articles with any of these tags.")
    label: Values = Field(
        [],
        description="Only articles with any of these labels of a reader's, on themselves or a passage.",
    )
    from_: Day = Field(None, alias="from", description="Published on this day or later.")
    to: Day = Field(None, description="Published on this day or earlier.")

    def filter(self) -> Filter:
        """Return the filter that is meant. Raises InputError if `from` is after `to`."""
        if self.from_ and self.to and self.from_ > self.to:
            raise InputError(
                f"from ({self.from_}) is after to ({self.to}); swap them or leave one out",
                field="from",
            )
        return Filter(
            collections=tuple(self.collection),
            sources=tuple(self.source),
            authors=tuple(self.author),
            languages=tuple(self.language),
            articles=tuple(self.article),
            tags=tuple(self.tag),
            labels=tuple(self.label),
            published_from=self.from_,
            published_to=self.to,
        )

    def query(self, **other: Any) -> Query:  # noqa: ANN401
        """Return the query that is meant: each parameter that a query has by its name, and others.

        Raises InputError if `from` is after `to`.
        """
        same: dict[str, Any] = {
            name: tuple(dict.fromkeys(value)) if isinstance(value, list) else value
            for name, value in self
            if name in _QUERY
        }
        return Query(**{**same, "filter": self.filter(), **other})


class WriteParameters(Parameters):
    """How a request writes, as query parameters."""

    refresh: Literal["wait"] | None = Field(
        None, description="`wait`: the answer ends when every process's searches see it all."
    )


class IntoParameters(WriteParameters):
    """How a request writes into a collection, as query parameters."""

    collection: Annotated[
        str,
        AfterValidator(lambda given: checked_collection(given, "collection")),
        # \w is of ASCII alone in a schema.
        WithJsonSchema({"type": "string", "pattern": r"^[\p{L}\p{N}_][\p{L}\p{N}_.\-]{0,63}$"}),
    ] = Field("", description="The collection that the articles are in; their ids hold within it.")


class UploadParameters(IntoParameters):
    """How the articles of a file are written, as query parameters."""

    name: Annotated[str | None, WithJsonSchema(NAME)] = Field(
        None, description="A path-like name, of which ids are made; its suffix tells the kind."
    )


class ManyParameters(WriteParameters, FilterParameters):
    """The articles that a request changes, as query parameters."""

    dry_run: bool = Field(False, description="Tell how many it would be; change nothing.")
    cursor: Cursor = Field("", description="What the answer before came with, to go on.")

    def filter(self) -> Filter:
        """Return the filter that is meant. Raises InputError where there is none."""
        found = super().filter()
        if found == NO_FILTER:
            raise InputError(
                "a filter is needed, so that not every article is meant by mistake: give source,"
                " author, collection, language, article, tag, label, from or to",
                field="source",
            )
        return found


class ListParameters(FilterParameters):
    """A list of articles, as query parameters."""

    sort: Sort = Field(
        "id",
        description=(
            "By `id`, or by date, the `newest` or the `oldest` first; articles without a date are"
            " last, those of one date are in order of id."
        ),
    )
    size: Whole = Field(20, ge=1, le=MAX_SIZE, description="Articles on a page.")
    cursor: Cursor = Field("", description="What the page before came with, for the next one.")
    fields: Annotated[list[ArticleField], Field(max_length=len(get_args(ArticleField)))] = Field(
        [], description="Of each article only these; all but `edition` unless some are named."
    )
    format: Literal["json", "jsonl"] = Field(
        "json",
        description=(
            "`jsonl`: every article with its text, a line of JSON each, that `fihris index -` and"
            " `POST /v1/articles:bulk` take back; `size`, `cursor` and `fields` are of no use then."
        ),
    )


class MatchesParameters(Parameters):
    """What a saved search matched, as query parameters."""

    size: Whole = Field(20, ge=1, le=MAX_SIZE, description="Matches on a page.")
    cursor: Cursor = Field("", description="Of the page before, for the next one.")


class ArticleParameters(Parameters):
    """What is marked in an article, as query parameters."""

    edition: Annotated[str, Field(pattern=rf"^([0-9a-f]{{{DIGITS}}})?$")] = Field(
        "", description="One that was cited: `is_current` says whether it is still this one."
    )
    q: QueryText = Field("", description="Mark its words in the passages.")
    variants: bool = Field(
        True, description="Mark what stands for its words too; `also` says what."
    )
    also: Also = Field(list(ALSO))


class OriginalsParameters(Parameters):
    """The articles whose original files are asked for, as query parameters."""

    id: Annotated[Ids, Field(min_length=1)] = Field(description="Of these articles.")


class OriginalParameters(Parameters):
    """How an original file is opened, as query parameters."""

    changed: bool = Field(False, description="Also if it changed after it was indexed.")


class AnalyzeParameters(Parameters):
    """What is analysed, as query parameters."""

    text: str = Field(max_length=MAX_ANALYZE_LENGTH, description="Any.", examples=["وبالعراق"])


class SuggestParameters(Parameters):
    """What is suggested while somebody types, as query parameters."""

    q: QueryText = Field(description="What was typed so far.", examples=["والعرا"])
    size: Whole = Field(8, ge=1, le=MAX_SUGGESTIONS, description="How many suggestions.")


class SimilarParameters(FilterParameters):
    """What is similar to a passage or an article, as query parameters."""

    id: str = Field(min_length=1, max_length=MAX_PASSAGE_ID, description="What they are like.")
    mode: Mode = Field("hybrid", description="By words, by meaning (`semantic`), or by both.")
    size: Whole = Field(10, ge=1, le=MAX_SIZE, description="How many.")


class SearchParameters(FilterParameters):
    """A search, as query parameters; those of a list are repeated."""

    q: QueryText = Field(
        description=(
            'What to search for. `"a phrase"` in any quotes asks for these words in a row, in any'
            ' spelling, `="a phrase"` or `=word` for the letters typed; `+word` must be there, `-word` must not;'
            ' `source:`, `author:`, `tag:`, `title:` and `collection:` before a value; `a NEAR/5 b` and `"a b"~5` for'
            " words near each other."
        ),
        examples=["ضربات جوية في العراق", '"كتائب حزب الله"', "Who was hurt in the attack?"],
    )
    mode: Mode = Field(
        "hybrid", description="By words (`keyword`), by meaning (`semantic`), or by both."
    )
    size: Whole = Field(10, ge=1, le=MAX_SIZE, description="Hits on a page.")
    start: Whole = Field(
        0,
        ge=0,
        lt=MAX_RESULTS,
        description=f"Hits passed over; a page may end at hit {MAX_RESULTS:,}.",
    )
    match: Level | None = Field(
        None,
        description=(
            "How far a match may go: the letters typed (`exact`), another `spelling`, another"
            " `form`, what is `near` a word, or nearness in `meaning`. As far as the mode goes"
            " unless said."
        ),
    )
    variants: Variants = True
    also: Also = Field(list(ALSO))
    facets: Annotated[list[FacetField], Field(max_length=MAX_FACETS)] = Field(
        [],
        description=(
            "Count the passages that match by words, by each value of these fields; a field is"
            " counted without its own filter. Not by meaning alone."
        ),
        examples=[["source", "year"]],
    )
    facet_size: Whole = Field(
        20, ge=1, le=MAX_FACET_SIZE, description="Values of each facet, the most frequent first."
    )
    facet_prefix: str = Field(
        "",
        max_length=MAX_FACET_PREFIX,
        description="Only values of facets that begin so, in any spelling.",
        examples=["بغ"],
    )
    count_articles: bool = Field(
        False,
        description="Count the articles that match by words (`total.articles`). Not by meaning alone.",
    )
    group_by: GroupBy = Field(
        "",
        description=(
            "`article`: articles with their best passages instead of hits; `size` and `start`"
            " count articles."
        ),
    )

    sort: SearchSort = Field(
        "relevance",
        description=(
            "By `relevance`, or by date, the `newest` or the `oldest` first: all that matches by"
            " words, in mode `hybrid` too; what has no date is last. Not by meaning alone."
        ),
    )

    collapse: Collapse = Field(
        "",
        description=(
            "`duplicates`: hits, or articles, that are near copies of a better one stand under it as"
            " its `copies`, of the first 60 passages ranked."
        ),
    )
    fields: Annotated[list[HitField], Field(max_length=len(get_args(HitField)))] = Field(
        [],
        description="Of each hit only these, in JSON answers; all unless some are named.",
        examples=[["article", "segments"]],
    )
    explain: bool = Field(
        False, description="Say of each hit why it has its score (`explanation`)."
    )

    def query(self, **other: Any) -> Query:  # noqa: ANN401
        return super().query(text=self.q, **other)


class KwicParameters(FilterParameters):
    """Keywords in context, as query parameters; those of a list are repeated."""

    q: QueryText = Field(
        description="Its words, or phrases, are shown in context; as a search reads it.",
        examples=["العراق", '"كتائب حزب الله"'],
    )
    width: Whole = Field(8, ge=1, le=MAX_CONTEXT, description="Words shown on each side.")
    sort: KwicSort = Field(
        "relevance",
        description="In order of the passages, or of the words `before` or `after`.",
    )
    passages: Whole = Field(
        200, ge=1, le=MAX_READ, description="How many of the best passages are read."
    )
    size: Whole = Field(50, ge=1, le=MAX_LINES, description="Lines on a page.")
    start: Whole = Field(0, ge=0, lt=MAX_OCCURRENCES, description="Lines passed over.")
    match: WordLevel | None = Field(
        None, description="How far a match may go, as in a search; `near` unless said."
    )
    variants: Variants = True
    also: Also = Field(list(ALSO))
    format: Literal["json", "csv", "frequencies"] = Field(
        "json",
        description=(
            "For spreadsheets: `csv`, the page's lines, or `frequencies`, how many passages and"
            " occurrences each source and year has."
        ),
    )

    def query(self, **other: Any) -> Query:  # noqa: ANN401
        return super().query(text=self.q, mode="keyword", sort="relevance", **other)


class SearchPageParameters(SearchParameters):
    """A search, and as what its page is wanted."""

    format: Literal["json", Format] = Field(
        "json",
        description=(
            "`csv`: a table of the hits for spreadsheets; `bibtex`, `ris`: citations of their articles."
        ),
    )


class SearchBody(SearchParameters):
    """A search as JSON; numbers are numbers and lists are lists."""

    model_config = ConfigDict(
        strict=True,
        validate_by_name=False,
        json_schema_extra={
            "examples": [
                {"q": "ضربات جوية في العراق", "size": 5},
                {"q": "من المسؤول عن الهجوم الصاروخي؟", "mode": "semantic", "language": ["ar"]},
            ]
        },
    )


class SearchesBody(Parameters):
    """Several searches as JSON."""

    model_config = ConfigDict(strict=True)

    searches: Annotated[list[SearchBody], Field(min_length=1, max_length=MAX_SEARCHES)] = Field(
        description=f"Their sizes may add up to {MAX_SIZES:,}.",
        examples=[[{"q": "بغداد", "size": 3}, {"q": "ضربات جوية", "mode": "keyword", "size": 3}]],
    )

    @field_validator("searches")
    @classmethod
    def _bounded(cls, searches: list[SearchBody]) -> list[SearchBody]:
        if (sizes := sum(each.size for each in searches)) > MAX_SIZES:
            raise ValueError(f"the sizes add up to {sizes:,}, and {MAX_SIZES:,} are the most")
        return searches
