"""The routes that search and read, and the two that a supervisor asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from starlette.responses import StreamingResponse

from api.access import PUBLIC, SEARCH, Access
from api.problems import UNSUPPORTED, Refused, encode, kind_of, problem_of, request_id_of
from api.readiness import Readiness
from api.requests import (
    MAX_PASSAGE_ID,
    AnalyzeParameters,
    ArticleParameters,
    KwicParameters,
    ListParameters,
    Parameters,
    SearchBody,
    SearchesBody,
    SearchPageParameters,
    SearchParameters,
    SimilarParameters,
    SuggestParameters,
    reads,
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
    analyzed,
    article_out,
    kwic_out,
    list_out,
    marked_passage_out,
    search_out,
    status_out,
    stored_passage_out,
)
from search import exports
from search.annotations.manager import Annotations
from search.article_lines import line_of
from search.domain import Annotation, Article, ArticleInfo, GroupBy, Query
from search.editions import edition_of, editions
from search.errors import FihrisError, InputError, NotFound
from search.limits import MAX_ID
from search.listing import collections, list_articles, whole_articles
from search.ranking.kwic import as_csv, frequencies_csv, kwic
from search.ranking.searcher import Searcher

EXPORTS: dict[exports.Format, tuple[str, str]] = {  # media type, suffix
    "csv": ("text/csv; charset=utf-8", "csv"),
    "bibtex": ("application/x-bibtex; charset=utf-8", "bib"),
    "ris": ("application/x-research-info-systems; charset=utf-8", "ris"),
}
JSON_LINES = "application/x-ndjson"


class Answer(Response):
    """JSON in valid UTF-8, whatever the texts hold."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        return encode(content)


async def searcher_of(request: Request) -> Searcher:
    readiness: Readiness = request.app.state.readiness
    return readiness.searcher()


async def json_only(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(UNSUPPORTED, "Send the body as Content-Type: application/json.")


NOTHING = reads(Parameters)
JSON = Depends(json_only)
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

health = APIRouter(tags=["health"], dependencies=[PUBLIC])
router = APIRouter(prefix="/v1", tags=["search"], dependencies=[SEARCH])


@health.get("/live", dependencies=[NOTHING], summary="Is the process up?")
async def live() -> LiveOut:
    """Answers at once, whatever the state of index and model."""
    return {"status": "live"}


@health.get("/ready", dependencies=[NOTHING], summary="Can it search?")
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
        200: {"content": {kind: {"schema": {"type": "string"}} for kind, _ in EXPORTS.values()}}
    },
    summary="Search passages",
)
def search(
    request: Request,
    parameters: Annotated[SearchPageParameters, reads(SearchPageParameters)],
    searcher: Ready,
) -> Response:
    """Finds the passages that answer a query, best first, with what matched in each."""
    if parameters.format == "json":
        return _search(request, parameters, searcher)
    request.state.query = parameters.q
    results = searcher.search(parameters.query())
    cited = {}
    if parameters.format != "csv":
        known = editions(searcher.engine, _ids(hit.article for hit in exports.all_hits(results)))
        cited = {key: exports.citation(str(request.base_url), key, known[key]) for key in known}
    return file_answer(exports.exported(results, parameters.format, cited), parameters.format)


def _ids(articles: Iterable[ArticleInfo]) -> list[str]:
    return [article.id for article in articles]


def file_answer(content: str, format: exports.Format) -> Response:
    """Return a file to be kept."""
    media_type, suffix = EXPORTS[format]
    return Response(
        content.encode("utf-8", "replace"),
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="fihris.{suffix}"'},
    )


@router.get(
    "/kwic",
    response_model=KwicOut,
    responses={200: {"content": {EXPORTS["csv"][0]: {"schema": {"type": "string"}}}}},
    summary="Keywords in context",
)
def keywords(
    request: Request,
    parameters: Annotated[KwicParameters, reads(KwicParameters)],
    searcher: Ready,
) -> Response:
    """Each occurrence of the query's words, or phrases, in the passages that match best, between
    the words around it; and how many passages and occurrences each source and year has.
    """
    p = parameters
    request.state.query = p.q
    found = kwic(searcher, p.query(), width=p.width, sort=p.sort, passages=p.passages)
    if p.format == "json":
        read = {"read": found.read, "total": found.passages}
        return Answer({**kwic_out(found), "passages": read})
    return file_answer(as_csv(found) if p.format == "csv" else frequencies_csv(found), "csv")


@router.get(
    "/suggest",
    response_model=SuggestOut,
    summary="What may be meant to be typed",
)
def suggest(
    request: Request,
    parameters: Annotated[SuggestParameters, reads(SuggestParameters)],
    searcher: Ready,
) -> Response:
    """Queries that go on as what was typed: its last word completed, and sources, authors and
    titles that have its words. The first request waits until they are gathered.
    """
    request.state.query = parameters.q
    found = searcher.suggest(parameters.q, parameters.size)
    return Answer(found)


@router.post(
    "/search",
    response_model=SearchOut,
    dependencies=[NOTHING, JSON],
    summary="Search passages, the query as JSON",
)
def search_json(request: Request, body: SearchBody, searcher: Ready) -> Response:
    """The same as `GET /v1/search`, for queries that should not stand in an address."""
    return _search(request, body, searcher)


@router.post(
    "/multi-search",
    response_model=SearchesOut,
    dependencies=[NOTHING, JSON],
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


Similar = Annotated[SimilarParameters, reads(SimilarParameters)]


@router.get("/passages:similar", response_model=SearchOut, summary="Passages like one")
def similar_passages(parameters: Similar, searcher: Ready) -> Response:
    """The passages of other articles that are most like a passage, as an answer to a search for
    its most telling words, which are the answer's `q`, and for its meaning.
    """
    return _similar(parameters, searcher, "")


@router.get("/articles:similar", response_model=SearchOut, summary="Articles like one")
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
    summary="The articles there are",
)
def articles(
    request: Request,
    parameters: Annotated[ListParameters, reads(ListParameters)],
    searcher: Ready,
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
        own = _annotations(request, searcher)
        return StreamingResponse(_lines(chain((first,), found), own), media_type=JSON_LINES)
    listing = list_articles(searcher.engine, p.filter(), p.sort, p.size, p.cursor)
    named = editions(searcher.engine, _ids(listing.articles)) if "edition" in p.fields else None
    return Answer(list_out(listing, p.fields, named))


@router.get(
    "/collections",
    response_model=CollectionsOut,
    dependencies=[NOTHING],
    summary="The collections there are",
)
def every_collection(searcher: Ready) -> Response:
    """Each with its articles and passages, by name; `""` stands for articles without one."""
    return Answer({"collections": collections(searcher.engine)})


def _annotations(request: Request, searcher: Searcher) -> Mapping[str, Sequence[Annotation]]:
    """Return the annotations of each article that this request may read."""
    access: Access = request.app.state.access
    try:
        access.check(request, "search")  # and not what is only public
    except Refused:
        return {}
    with Annotations(searcher.engine, request.app.state.writing.settings) as annotations:
        return annotations.by_article()


def _lines(
    found: Iterable[tuple[int, Sequence[Article]]], own: Mapping[str, Sequence[Annotation]]
) -> Iterator[bytes]:
    for _, some in found:
        yield b"".join(line_of(each, own.get(each.id, ())).encode() for each in some)


@router.get(
    "/articles/{id:id}",
    response_model=StoredArticleOut,
    summary="A whole article",
)
def article(
    id: ArticleId,
    searcher: Ready,
    parameters: Annotated[ArticleParameters, reads(ArticleParameters)],
) -> Response:
    """The article as it was given, with its passages. Percent-encode the id."""
    p, stored = parameters, searcher.engine.article(id)
    if stored is None:
        raise NotFound(f"there is no article {id[:100]!r}")
    texts = [passage.text for passage in stored.passages]
    asked = Query(p.q, variants=p.variants, also=tuple(p.also))
    marked = searcher.marked(asked, texts) if p.q.strip() else [None] * len(texts)
    passages = [
        {**marked_passage_out(its), "segments": each}
        for its, each in zip(stored.passages, marked, strict=True)
    ]
    edition = edition_of(stored.article.content_hash())
    return Answer(
        {
            "article": article_out(stored.article.info),
            "edition": edition,
            "is_current": edition == p.edition if p.edition else None,
            "text": stored.article.text,
            "passages": passages,
        }
    )


@router.get(
    "/passages/{id:id}",
    response_model=StoredPassageOut,
    dependencies=[NOTHING],
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
    summary="What matching sees in a text",
)
def analyze(
    parameters: Annotated[AnalyzeParameters, reads(AnalyzeParameters)],
) -> Response:
    """Every word with its form in every layer: why a query matches a text, or does not."""
    return Answer(analyzed(parameters.text))


@router.get(
    "/status",
    response_model=StatusOut,
    dependencies=[NOTHING],
    summary="What the index holds",
)
def status(searcher: Ready) -> Response:
    """How much is indexed, by which engine, model and analyser."""
    return Answer(status_out(searcher.engine.status()))
