"""The routes of the judging page, with `fihris serve --judge` only: queries, hits to grade, grades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Protocol

from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field

from api.access import INDEX, SEARCH
from api.requests import Id, Parameters, reads
from api.routes.search import JSON, NOTHING, Answer, Ready
from api.schemas import hit_out
from search.domain import Hit
from search.limits import MAX_QUERY_LENGTH
from search.ranking.searcher import Searcher

QueryText = Annotated[str, Field(min_length=1, max_length=MAX_QUERY_LENGTH, pattern=r"\S")]


class Judge(Protocol):
    """Keeps a person's grades. Called from many threads."""

    def judged(self) -> Mapping[str, int]:
        """Return how many articles of each query, by its text, have a grade."""
        ...

    def to_grade(self, searcher: Searcher, text: str) -> Sequence[tuple[Hit, int | None]]:
        """Return each article's best hit of all modes, with the grade that it has."""
        ...

    def grade(self, text: str, article: str, grade: int) -> None:
        """Keep a grade; it is on disk when this returns. Raises SourceError."""
        ...


class HitsParameters(Parameters):
    """Whose hits are to be graded, as query parameters."""

    q: QueryText


class Grade(Parameters):
    """How far an article answers a query: 0 not at all, 1 touches it, 2 in part, 3 it does."""

    model_config = ConfigDict(strict=True)

    q: QueryText
    article: Id
    grade: int = Field(ge=0, le=3)


def judging_router(judge: Judge) -> APIRouter:
    """Return the routes under `/v1/judgements`; with the scope `index` one may grade."""
    router = APIRouter(prefix="/v1/judgements", include_in_schema=False)

    @router.get("", dependencies=[SEARCH, NOTHING])
    def judged() -> Response:
        """The queries in order, with how many articles of each are graded."""
        return Answer(
            {"queries": [{"text": text, "graded": n} for text, n in judge.judged().items()]}
        )

    @router.get("/hits", dependencies=[SEARCH])
    def hits(asked: Annotated[HitsParameters, reads(HitsParameters)], searcher: Ready) -> Response:
        """Each article's best hit of all modes, and the grade it has, null where none."""
        graded = judge.to_grade(searcher, asked.q)
        return Answer({"hits": [{**hit_out(hit), "grade": grade} for hit, grade in graded]})

    @router.put("", dependencies=[INDEX, NOTHING, JSON])
    def grade(body: Grade) -> Response:
        """Keeps a grade; one that an article has already is replaced."""
        judge.grade(body.q, body.article, body.grade)
        return Answer({"q": body.q, "article": body.article, "grade": body.grade})

    return router
