"""Labels and notes of a reader's own on articles and passages."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from api.access import INDEX, SEARCH, Access
from api.requests import MAX_PASSAGE_ID, Cursor, Ids, Parameters, QueryText, Values, Whole, reads
from api.routes.articles import Writer
from api.routes.search import EXPORTS, JSON, NOTHING, Answer, file_answer
from api.schemas import LATER, ArticleOut, Of, PassageOut, shaped
from search.annotations.domain import Anchor, Anchored
from search.annotations.manager import AnnotationPage, Annotations
from search.domain import FacetValue
from search.exports import annotations_csv
from search.limits import MAX_LABEL, MAX_LABELS, MAX_NOTE, MAX_SIZE

Labels = Annotated[list[Annotated[str, Field(max_length=MAX_LABEL)]], Field(max_length=MAX_LABELS)]


class SaidBody(Parameters):
    """What an annotation says, as JSON: labels, a note or both."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={"examples": [{"labels": ["شاهد"], "note": "للفصل الثالث"}]},
    )

    labels: Labels = Field([], description="Each one line; spaces around are dropped.")
    note: str = Field("", max_length=MAX_NOTE, description="Any text.")


class AnnotationBody(SaidBody):
    """An annotation to add, as JSON."""

    model_config = ConfigDict(
        strict=True, json_schema_extra={"examples": [{"target": "a1#0", "labels": ["شاهد"]}]}
    )

    target: str = Field(
        min_length=1, max_length=MAX_PASSAGE_ID, description="The id of an article or a passage."
    )


class AnnotationsParameters(Parameters):
    """Which annotations, as query parameters; those of a list are repeated."""

    q: QueryText = Field("", description="Only those whose labels or note have all its words.")
    label: Values = Field([], description="Only those with any of these labels.")
    article: Ids = Field([], description="Only those on any of these articles.")
    orphaned: bool = Field(False, description="Only those whose article is not there any more.")
    size: Whole = Field(20, ge=1, le=MAX_SIZE, description="Annotations on a page.")
    cursor: Cursor = Field("", description="Of the page before, for the next one.")
    format: Literal["json", "csv"] = Field("json", description="`csv`: a table for spreadsheets.")


class AnnotationOut(TypedDict):
    """An annotation and where it stands. `quote` is its passage's text as it was."""

    id: Annotated[str, Of("annotation.id")]
    target: Annotated[
        str, Of("annotation.article"), Field(description="The id of its article, there or not.")
    ]
    anchor: Annotated[
        Anchor,
        Field(
            description="What it is on: the `article`; the `passage` as it was; the one most like it"
            " (`changed`); nothing any more of its article (`lost`); no article (`orphaned`)."
        ),
    ]
    article: ArticleOut | None
    passage: PassageOut | None
    quote: Annotated[str, Of("annotation.quote")]
    labels: Annotated[list[str], Of("annotation.labels")]
    note: Annotated[str, Of("annotation.note")]
    created: Annotated[str, Of("annotation.created")]
    changed: Annotated[str, Of("annotation.changed")]


class AnnotationsOut(TypedDict):
    """A page of annotations, the newest first; `cursor` is null on the last one."""

    annotations: list[AnnotationOut]
    total: int
    labels: Annotated[
        list[FacetValue], LATER, Field(description="Of all that were found, how many have each.")
    ]
    cursor: str | None


annotation_out = shaped(AnnotationOut)
_page_out = shaped(AnnotationsOut)


def annotations_out(page: AnnotationPage) -> AnnotationsOut:
    return {**_page_out(page), "labels": [FacetValue(*each) for each in page.labels]}


def annotations_of(request: Request) -> Annotations:
    """Return the annotations of this server's index, opened when they are first asked for."""
    state = request.app.state
    if state.annotations is None:
        searcher = state.readiness.searcher()
        state.annotations = Annotations(searcher.engine, state.writing.settings)
    found: Annotations = state.annotations
    return found


Found = Annotated[Annotations, Depends(annotations_of)]
AnnotationId = Annotated[str, Path(min_length=1, max_length=64, description="Of an annotation.")]

annotations_router = APIRouter(prefix="/v1/annotations", tags=["annotations"])


@annotations_router.get(
    "",
    response_model=AnnotationsOut,
    dependencies=[SEARCH],
    responses={200: {"content": {EXPORTS["csv"][0]: {"schema": {"type": "string"}}}}},
    summary="The annotations there are",
)
def list_annotations(
    request: Request,
    found: Found,
    parameters: Annotated[AnnotationsParameters, reads(AnnotationsParameters)],
) -> Response:
    """Labels and notes with the articles and passages they stand on now, the newest first. Not
    for who may only search because everybody may.
    """
    access: Access = request.app.state.access
    access.check(request, "search")
    p = parameters
    page = found.list(
        p.q,
        labels=p.label,
        articles=p.article,
        orphaned=p.orphaned,
        size=p.size,
        cursor=p.cursor,
    )
    if p.format == "csv":
        return file_answer(annotations_csv(page.annotations), "csv")
    return Answer(annotations_out(page))


@annotations_router.post(
    "",
    status_code=201,
    response_model=AnnotationOut,
    dependencies=[INDEX, NOTHING, JSON],
    summary="Annotate an article or a passage",
)
def annotate(body: AnnotationBody, _: Writer, found: Found) -> Response:
    """Puts labels, a note or both on it. They stay when the article is replaced."""
    return _told(found.add(body.target, body.labels, body.note), 201)


@annotations_router.put(
    "/{id}",
    response_model=AnnotationOut,
    dependencies=[INDEX, NOTHING, JSON],
    summary="Change an annotation",
)
def change_annotation(id: AnnotationId, body: SaidBody, _: Writer, found: Found) -> Response:
    """Sets its labels and its note; it stays where it stands."""
    return _told(found.change(id, body.labels, body.note))


@annotations_router.delete(
    "/{id}",
    status_code=204,
    response_class=Response,
    dependencies=[INDEX, NOTHING],
    summary="Remove an annotation",
)
def remove_annotation(id: AnnotationId, _: Writer, found: Found) -> Response:
    """Removes its labels and its note."""
    found.remove(id)
    return Response(status_code=204)


def _told(found: Anchored, status: int = 200) -> Answer:
    told: Any = annotation_out(found)
    return Answer(told, status)
