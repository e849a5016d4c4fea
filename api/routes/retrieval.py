"""`POST /v1/retrieval`: what Dify asks of an external knowledge base, and others who speak its API.

Who registers it gives the address up to `/v1`, since Dify adds `/retrieval`, and a collection as the
knowledge's id, or `*` for every article.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import BeforeValidator, ConfigDict, Field
from typing_extensions import TypedDict

from api.access import SEARCH
from api.problems import MEDIA_TYPE, encode, kind_of, problem_of, request_id_of
from api.requests import MAX_FILTER_VALUES, Parameters, Value, Whole, iso_date
from api.routes.search import JSON, NOTHING, Answer, Ready
from api.schemas import article_out
from search.domain import NO_FILTER, Filter, Hit, Query
from search.errors import FihrisError, InputError, NotFound
from search.limits import MAX_QUERY_LENGTH, MAX_SIZE
from search.listing import collections

EVERYTHING = "*"  # no name of a collection
_DAY = timedelta(days=1)
Name = Literal["article", "author", "language", "source", "tag", "tags"]
Texts = Value | Annotated[list[Value], Field(min_length=1, max_length=MAX_FILTER_VALUES)]
Bounds = Literal["is", "=", "before", "<", "≤", "after", ">", "≥"]


class IsOneOf(Parameters):
    """What an article's field must be, or one of which."""

    name: Name
    comparison_operator: Literal["is", "=", "in"]
    value: Texts

    def filter(self) -> dict[str, Any]:
        name = self.name if self.name == "tags" else f"{self.name}s"
        return {name: (self.value,) if isinstance(self.value, str) else tuple(self.value)}


class HasTag(IsOneOf):
    """A tag that an article must have, or one of which."""

    name: Literal["tag", "tags"]
    comparison_operator: Literal["contains"]  # type: ignore[assignment]


class Published(Parameters):
    """When an article must have been published."""

    name: Literal["published"]
    comparison_operator: Bounds
    value: Annotated[date, BeforeValidator(iso_date)]

    def filter(self) -> dict[str, Any]:
        how, day = self.comparison_operator, self.value
        try:
            first = day + _DAY if how in ("after", ">") else day
            last = day - _DAY if how in ("before", "<") else day
        except OverflowError as error:
            raise _refused(f"there is no day {how} {day}") from error
        bounds = {"published_from": first, "published_to": last}
        if how in ("before", "<", "≤"):
            del bounds["published_from"]
        if how in ("after", ">", "≥"):
            del bounds["published_to"]
        return bounds


class MetadataCondition(Parameters):
    """Conditions, all of which must be met."""

    logical_operator: Literal["and", "or"] = "and"
    conditions: Annotated[
        list[IsOneOf | HasTag | Published], Field(max_length=MAX_FILTER_VALUES)
    ] = Field([])

    def filter(self) -> Filter:
        """Return the filter that is meant. Raises InputError for what a filter cannot say."""
        found: dict[str, Any] = {}
        if self.logical_operator == "or" and len(self.conditions) > 1:
            raise _refused("several conditions can be joined by `and` only")
        for each in self.conditions:
            meant = each.filter()
            if meant.keys() & found:
                raise _refused(f"there are several conditions on {each.name}; give one")
            found |= meant
        return Filter(**found)


def _refused(detail: str) -> InputError:
    return InputError(detail, field="metadata_condition")


class RetrievalSetting(Parameters):
    """How many records, and which share of the best one's score they need."""

    model_config = ConfigDict(extra="ignore")

    top_k: Whole = Field(10, ge=1, le=MAX_SIZE)
    score_threshold: float = Field(0.0, ge=0, le=1)


class RetrievalBody(Parameters):
    """What Dify sends. Fields that later versions add are passed over."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "examples": [
                {
                    "knowledge_id": EVERYTHING,
                    "query": "ضربات جوية في العراق",
                    "retrieval_setting": {"top_k": 3, "score_threshold": 0.2},
                }
            ]
        },
    )

    knowledge_id: str = Field(min_length=1, max_length=100, description="A collection, or `*`.")
    query: str = Field(max_length=MAX_QUERY_LENGTH, description="As `q` of a search.")
    retrieval_setting: RetrievalSetting = RetrievalSetting()
    metadata_condition: MetadataCondition | None = None


class RecordOut(TypedDict):
    """A passage; `score` is its share of the best one's, and says nothing of how good that is."""

    content: str
    score: float
    title: str
    metadata: dict[str, Any]


class RecordsOut(TypedDict):
    records: list[RecordOut]


class _DifyRoute(APIRoute):
    """A route whose problems have Dify's `error_code` and `error_msg` too."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await answer(request)
            except FihrisError as error:
                code = _code_of(error, request)
                if code is None:
                    raise
                problem = problem_of(error, request_id_of(request))
                told = {**problem, "error_code": code, "error_msg": str(error)}
                headers = dict(kind_of(error).headers)
                return Response(encode(told), problem["status"], headers, MEDIA_TYPE)

        return handle


def _code_of(error: FihrisError, request: Request) -> int | None:
    status = kind_of(error).status
    if status in (401, 403):
        return 1002 if request.headers.get("authorization", "").startswith("Bearer ") else 1001
    return 2001 if isinstance(error, NotFound) else None


retrieval_router = APIRouter(
    prefix="/v1", tags=["search"], dependencies=[SEARCH], route_class=_DifyRoute
)


@retrieval_router.post(
    "/retrieval",
    response_model=RecordsOut,
    dependencies=[NOTHING, JSON],
    summary="Passages for Dify and others who speak its API",
)
def retrieve(request: Request, body: RetrievalBody, searcher: Ready) -> Response:
    """Answers a hybrid search as Dify's external knowledge API has it."""
    request.state.query = body.query
    inside = body.metadata_condition.filter() if body.metadata_condition else NO_FILTER
    name, setting = body.knowledge_id, body.retrieval_setting
    if name != EVERYTHING:
        inside = replace(inside, collections=(name,))
    hits = searcher.search(Query(body.query, size=setting.top_k, filter=inside)).hits
    if not (hits or name == EVERYTHING):
        known = [each.name for each in collections(searcher.engine)]
        if name not in known:
            raise NotFound(f"there is no collection {name!r}; `*` is every article")
    best = max((hit.score for hit in hits), default=0.0)
    records = [record_out(hit, max(hit.score, 0.0) / best if best > 0 else 1.0) for hit in hits]
    return Answer({"records": [r for r in records if r["score"] >= setting.score_threshold]})


def record_out(hit: Hit, share: float) -> RecordOut:
    """Return a hit as a record, with its share of the best one's score."""
    known = {name: value for name, value in article_out(hit.article).items() if value}
    title = known.pop("title", "")
    known["article"] = known.pop("id")
    known["passage"] = hit.passage.id
    if hit.passage.place:
        known["place"] = str(hit.passage.place)
    if hit.semantic:
        known["cosine"] = hit.semantic.score
    return {"content": hit.passage.text, "score": share, "title": str(title), "metadata": known}
