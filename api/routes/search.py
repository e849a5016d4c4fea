"""The versioned API, and the two paths a supervisor asks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Annotated, Any, TypeVar
from urllib.parse import unquote_to_bytes

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from api.problems import encode, kind_of, problem_of, request_id_of
from api.readiness import Readiness
from api.requests import (
    MAX_ANALYZE_LENGTH,
    MAX_PASSAGE_ID,
    KwicParameters,
    ListParameters,
    SearchBody,
    SearchesBody,
    SearchPageParameters,
    SearchParameters,
    SimilarParameters,
    SuggestParameters,
)
from api.schemas import (
    AnalyzeOut,
    CollectionsOut,
    FailedOut,
    KwicOut,
    ListOut,
    LiveOut,
    ReadyOut,
    SearchesOut,
    SearchOut,
    StatusOut,
    StoredArticleOut,
    StoredPassageOut,
    SuggestOut,
    kwic_out,
    list_out,
    search_out,
    status_out,
    stored_article_out,
    stored_passage_out,
    token_out,
)
from search import exports
from search.analysis.tokens import analyse
from search.article_lines import line_of
from search.domain import ALSO, AlsoKind, Article, GroupBy
from search.domain import Query as Asked
from search.errors import FihrisError, InputError, NotFound
from search.limits import MAX_ID, MAX_QUERY_LENGTH
from search.listing import collections, list_articles, whole_articles
from search.ranking.kwic import as_csv, frequencies_csv, kwic
from search.ranking.searcher import Searcher

EXPORTS: dict[exports.Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "bibtex": "application/x-bibtex; charset=utf-8",
    "ris": "application/x-research-info-systems; charset=utf-8",
}
JSON_LINES = "application/x-ndjson"
SUFFIXES: dict[exports.Format, str] = {"csv": "csv", "bibtex": "bib", "ris": "ris"}
Parameters = TypeVar("Parameters", bound=BaseModel)
LISTS = frozenset(
    {"collection", "source", "author", "language", "article", "tag", "also", "facets", "fields"}
)


class Answer(Response):
    """JSON in valid UTF-8, whatever the texts hold."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        return encode(content)


async def searcher_of(request: Request) -> Searcher:
    readiness: Readiness = request.app.state.readiness
    return readiness.searcher()


def takes(*names: str) -> Callable[[Request], Awaitable[None]]:
    """Return a dependency that refuses addresses with anything but these parameters.

    A typing mistake in a parameter's name, a second value where one is read, or
    bytes that are no UTF-8 would otherwise be passed over in silence.
    """

    async def check(request: Request) -> None:
        items = request.query_params.multi_items()
        texts = chain((request.scope["path"],), *items)
        # What is no UTF-8 was read as U+FFFD; so is U+FFFD itself.
        suspect = any("\ufffd" in text for text in texts)
        for part, name in (("raw_path", "path"), ("query_string", "query")) if suspect else ():
            try:
                unquote_to_bytes(request.scope.get(part) or b"").decode("utf-8")
            except UnicodeDecodeError as error:
                raise InputError(
                    f"the address's {name} is not UTF-8; percent-encode the UTF-8 bytes of each"
                    " letter",
                    field=name,
                ) from error
        seen = set()
        for name, _ in items:
            if name not in names:
                known = ", ".join(names) or "none"
                raise InputError(
                    f"there is no parameter {name[:100]!r}; there are: {known}", field=name[:100]
                )
            if name in seen and name not in LISTS:
                raise InputError(f"{name} is given twice; give it once", field=name)
            seen.add(name)

    return check


def names_of(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in model.model_fields.items())


async def search_parameters(request: Request) -> SearchPageParameters:
    return parameters_of(request, SearchPageParameters)


async def kwic_parameters(request: Request) -> KwicParameters:
    return parameters_of(request, KwicParameters)


async def list_parameters(request: Request) -> ListParameters:
    return parameters_of(request, ListParameters)


async def suggest_parameters(request: Request) -> SuggestParameters:
    return parameters_of(request, SuggestParameters)


async def similar_parameters(request: Request) -> SimilarParameters:
    return parameters_of(request, SimilarParameters)


def parameters_of(request: Request, model: type[Parameters]) -> Parameters:
    """Return an address's parameters, checked. Raises RequestValidationError.

    FastAPI itself takes 0.45 ms of CPU for twelve of them, the model 0.03.
    """
    given = request.query_params
    values = {name: given.getlist(name) if name in LISTS else given[name] for name in given}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise RequestValidationError(_in_query(error)) from error


def _in_query(error: ValidationError) -> list[dict[str, Any]]:
    found = error.errors(include_url=False)
    return [{**each, "loc": ("query", *each["loc"])} for each in found]


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
        for name, found in schema["properties"].items()
    ]


async def json_only(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "Send the body as Content-Type: application/json.")


Ready = Annotated[Searcher, Depends(searcher_of)]
ArticleId = Annotated[
    str,
    Path(min_length=1, max_length=MAX_ID, examples=["/files/seeds/000_68ec81c8af20b3f5.txt"]),
]
PassageId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=MAX_PASSAGE_ID,
        examples=["/files/seeds/000_68ec81c8af20b3f5.txt#1"],
    ),
]

health = APIRouter(tags=["health"])
router = APIRouter(prefix="/v1", tags=["search"])


@health.get("/live", dependencies=[Depends(takes())], summary="Is the process up?")
async def live() -> LiveOut:
    """Answers at once, whatever the state of index and model."""
    return {"status": "live"}


@health.get("/ready", dependencies=[Depends(takes())], summary="Can it search?")
def ready(searcher: Ready) -> ReadyOut:
    """Answers 503 until the index and the model are open, and when the index is lost."""
    searcher.engine.status()
    behind = searcher.synonyms is not None and searcher.synonyms.is_behind()
    degraded = [*([] if searcher.embedder else ["semantic"]), *(["synonyms"] if behind else [])]
    return {"status": "ready", "degraded": degraded}


@router.get(
    "/search",
    response_model=SearchOut,
    responses={
        200: {"content": {kind: {"schema": {"type": "string"}} for kind in EXPORTS.values()}}
    },
    dependencies=[Depends(takes(*names_of(SearchPageParameters)))],
    summary="Search passages",
    openapi_extra={"parameters": described(SearchPageParameters)},
)
def search(
    request: Request,
    parameters: Annotated[SearchPageParameters, Depends(search_parameters)],
    searcher: Ready,
) -> Response:
    """Finds the passages that answer a query, best first, with what matched in each."""
    if parameters.format == "json":
        return _search(request, parameters, searcher)
    request.state.query = parameters.q
    exported = exports.exported(searcher.search(parameters.query()), parameters.format)
    return _file(exported, parameters.format)


def _file(content: str, format: exports.Format) -> Response:
    return Response(
        content.encode("utf-8", "replace"),
        media_type=EXPORTS[format],
        headers={"Content-Disposition": f'attachment; filename="fihris.{SUFFIXES[format]}"'},
    )


@router.get(
    "/kwic",
    response_model=KwicOut,
    responses={200: {"content": {EXPORTS["csv"]: {"schema": {"type": "string"}}}}},
    dependencies=[Depends(takes(*names_of(KwicParameters)))],
    summary="Keywords in context",
    openapi_extra={"parameters": described(KwicParameters)},
)
def keywords(
    request: Request,
    parameters: Annotated[KwicParameters, Depends(kwic_parameters)],
    searcher: Ready,
) -> Response:
    """Each occurrence of the query's words, or phrases, in the passages that match best, between
    the words around it; and how many passages and occurrences each source and year has.
    """
    p = parameters
    request.state.query = p.q
    found = kwic(searcher, p.query(), width=p.width, sort=p.sort, passages=p.passages)
    if p.format == "json":
        return Answer(kwic_out(found))
    return _file(as_csv(found) if p.format == "csv" else frequencies_csv(found), "csv")


@router.get(
    "/suggest",
    response_model=SuggestOut,
    dependencies=[Depends(takes(*names_of(SuggestParameters)))],
    summary="What may be meant to be typed",
    openapi_extra={"parameters": described(SuggestParameters)},
)
def suggest(
    request: Request,
    parameters: Annotated[SuggestParameters, Depends(suggest_parameters)],
    searcher: Ready,
) -> Response:
    """Queries that go on as what was typed: its last word completed, and sources, authors and
    titles that have its words. The first request waits until they are gathered.
    """
    request.state.query = parameters.q
    found = searcher.suggest(parameters.q, parameters.size)
    return Answer({"suggestions": found.suggestions, "degraded": list(found.degraded)})


@router.post(
    "/search",
    response_model=SearchOut,
    dependencies=[Depends(takes()), Depends(json_only)],
    summary="Search passages, the query as JSON",
)
def search_json(request: Request, body: SearchBody, searcher: Ready) -> Response:
    """The same as `GET /v1/search`, for queries that should not stand in an address."""
    return _search(request, body, searcher)


@router.post(
    "/multi-search",
    response_model=SearchesOut,
    dependencies=[Depends(takes()), Depends(json_only)],
    summary="Several searches at once",
)
def multi_search(request: Request, body: SearchesBody, searcher: Ready) -> Response:
    """Answers each search as `POST /v1/search` would, in order, one after the other. One that
    cannot be answered as it was asked, such as a page too deep, has its `problem` instead; what
    would fail every search, such as an index that cannot be reached, fails the request.
    """
    request.state.query = "\n".join(each.q for each in body.searches)
    request_id = request_id_of(request)
    return Answer({"answers": [_answer(each, searcher, request_id) for each in body.searches]})


def _answer(
    parameters: SearchParameters, searcher: Searcher, request_id: str
) -> SearchOut | FailedOut:
    try:
        return search_out(searcher.search(parameters.query()), parameters.fields)
    except FihrisError as error:
        if kind_of(error).status >= 500:
            raise
        return {"problem": problem_of(error, request_id)}


def _search(request: Request, parameters: SearchParameters, searcher: Searcher) -> Response:
    request.state.query = parameters.q  # the log takes it if it is told to
    return Answer(search_out(searcher.search(parameters.query()), parameters.fields))


SIMILAR: dict[str, Any] = {
    "response_model": SearchOut,
    "dependencies": [Depends(takes(*names_of(SimilarParameters)))],
    "openapi_extra": {"parameters": described(SimilarParameters)},
}
Similar = Annotated[SimilarParameters, Depends(similar_parameters)]


@router.get("/passages:similar", summary="Passages like one", **SIMILAR)
def similar_passages(parameters: Similar, searcher: Ready) -> Response:
    """The passages of other articles that are most like a passage, as an answer to a search for
    its most telling words, which are the answer's `q`, and for its meaning.
    """
    return _similar(parameters, searcher, "")


@router.get("/articles:similar", summary="Articles like one", **SIMILAR)
def similar_articles(parameters: Similar, searcher: Ready) -> Response:
    """The articles that are most like an article, with their best passages, as `groups`."""
    return _similar(parameters, searcher, "article")


def _similar(p: SimilarParameters, searcher: Searcher, group_by: GroupBy) -> Response:
    found = searcher.similar(p.id, mode=p.mode, size=p.size, filter=p.filter(), group_by=group_by)
    return Answer(search_out(found))


@router.get(
    "/articles",
    response_model=ListOut,
    responses={200: {"content": {JSON_LINES: {"schema": {"type": "string"}}}}},
    dependencies=[Depends(takes(*names_of(ListParameters)))],
    summary="The articles there are",
    openapi_extra={"parameters": described(ListParameters)},
)
def articles(
    parameters: Annotated[ListParameters, Depends(list_parameters)], searcher: Ready
) -> Response:
    """What is known of the articles that a filter lets through, page by page. Pages that follow
    a `cursor` neither repeat nor lose an article that stays, whatever comes and goes meanwhile.
    """
    p = parameters
    if p.format == "jsonl":
        if refused := {"size", "cursor", "fields"} & p.model_fields_set:
            raise InputError(
                f"{min(refused)} has no meaning with format=jsonl, which gives every article",
                field=min(refused),
            )
        found = whole_articles(searcher.engine, p.filter(), p.sort)
        first = next(found)  # so that what fails at once is told as any failure is
        return StreamingResponse(_lines(chain((first,), found)), media_type=JSON_LINES)
    listing = list_articles(searcher.engine, p.filter(), p.sort, p.size, p.cursor)
    return Answer(list_out(listing, p.fields))


@router.get(
    "/collections",
    response_model=CollectionsOut,
    dependencies=[Depends(takes())],
    summary="The collections there are",
)
def every_collection(searcher: Ready) -> Response:
    """Each with its articles and passages, by name. Articles without one are in none of them."""
    return Answer({"collections": collections(searcher.engine)})


def _lines(found: Iterable[tuple[int, Sequence[Article]]]) -> Iterator[bytes]:
    for _, some in found:
        yield b"".join(line_of(each).encode() for each in some)


@router.get(
    "/articles/{id:path}",
    response_model=StoredArticleOut,
    dependencies=[Depends(takes("q", "variants", "also"))],
    summary="A whole article",
)
def article(
    id: ArticleId,
    searcher: Ready,
    q: Annotated[
        str,
        Query(max_length=MAX_QUERY_LENGTH, description="Mark its words in the passages."),
    ] = "",
    variants: Annotated[bool, Query(description="Mark what stands for its words too.")] = True,
    also: Annotated[list[AlsoKind] | None, Query(description="Which of that.")] = None,
) -> Response:
    """The article as it was given, with its passages. Percent-encode the id."""
    stored = searcher.engine.article(id)
    if stored is None:
        raise NotFound(f"there is no article {id[:100]!r}")
    texts = [passage.text for passage in stored.passages]
    marked = (
        searcher.marked(Asked(q, variants=variants, also=tuple(also or ALSO)), texts)
        if q.strip()
        else None
    )
    return Answer(stored_article_out(stored, marked))


@router.get(
    "/passages/{id:path}",
    response_model=StoredPassageOut,
    dependencies=[Depends(takes())],
    summary="One passage",
)
def passage(id: PassageId, searcher: Ready) -> Response:
    """A passage by its id, `article#position`; its `#` must be sent as `%23`."""
    stored = searcher.engine.fetch([id])
    if not stored:
        raise NotFound(f"there is no passage {id[:100]!r}; its # must be sent as %23")
    return Answer(stored_passage_out(stored[0]))


@router.get(
    "/analyze",
    response_model=AnalyzeOut,
    dependencies=[Depends(takes("text"))],
    summary="What matching sees in a text",
)
def analyze(
    text: Annotated[str, Query(max_length=MAX_ANALYZE_LENGTH, examples=["وبالعراق"])],
) -> Response:
    """Every word with its form in every layer: why a query matches a text, or does not."""
    return Answer({"tokens": [token_out(token, text) for token in analyse(text)]})


@router.get(
    "/status",
    response_model=StatusOut,
    dependencies=[Depends(takes())],
    summary="What the index holds",
)
def status(searcher: Ready) -> Response:
    """How much is indexed, by which engine, model and analyser."""
    return Answer(status_out(searcher.engine.status()))
