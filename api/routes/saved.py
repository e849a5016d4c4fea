"""Saved searches, and what they matched."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from api.access import ADMIN, SEARCH
from api.requests import Also, FilterParameters, MatchesParameters, QueryText, Variants, reads
from api.routes.articles import Writer
from api.routes.search import JSON, NOTHING, Answer
from api.schemas import ArticleOut, AskedOut, Of, PassageOut, asked_out, shaped
from search.domain import ALSO, Level, Mode
from search.domain import Query as Asked
from search.limits import MAX_SAVED_NAME, MAX_WEBHOOK
from search.saved import feed
from search.saved.domain import MatchedBy, SavedSearch, Tally, Words
from search.saved.manager import SavedSearches
from search.saved.webhook import MIN_SECRET

FEED_SIZE = 50


class SavedBody(FilterParameters):
    """A search to save, as JSON."""

    model_config = ConfigDict(
        strict=True,
        validate_by_name=False,
        json_schema_extra={"examples": [{"q": "ضربات العراق", "source": ["CNN Arabic"]}]},
    )

    q: QueryText = Field(description="As of a search.")
    name: str = Field("", max_length=MAX_SAVED_NAME, description="For people; `q` unless said.")
    mode: Mode = Field("hybrid", description="By words, by meaning, or by either.")
    match: Level | None = Field(None, description="How far a match by words may go.")
    variants: Variants = True
    also: Also = Field(list(ALSO))
    words: Words = Field("all", description="Whether a passage must have `all` words, or `any`.")
    threshold: float | None = Field(
        None, ge=0, le=1, description="The cosine from which a passage is near in meaning."
    )
    webhook: str = Field("", max_length=MAX_WEBHOOK, description="Where matches are posted.")
    secret: str = Field(
        "",
        max_length=MAX_WEBHOOK,
        pattern=rf"^([\s\S]{{{MIN_SECRET},}})?$",
        description=f"Signs them, instead of FIHRIS_WEBHOOK_SECRET; {MIN_SECRET} characters at least.",
    )

    def query(self, **other: Any) -> Asked:  # noqa: ANN401
        return super().query(text=self.q, **other)


class SavedOut(AskedOut):
    """A saved search. `webhook` is its host only; what was dropped made room for newer matches."""

    id: str
    name: str
    match: Level | None
    words: Words
    threshold: float
    created: str
    webhook: str
    kept: int
    dropped: int


class SavedListOut(TypedDict):
    """All saved searches, the oldest first."""

    saved: list[SavedOut]


class SavedMatchOut(TypedDict):
    """A passage that was matched. `score` is its cosine, null where it was found by words only."""

    id: Annotated[str, Of("match.id")]
    found: Annotated[str, Of("match.when")]
    by: Annotated[MatchedBy, Of("match.by")]
    score: Annotated[float | None, Of("match.score")]
    passage: Annotated[PassageOut, Of("passage.passage")]
    article: Annotated[ArticleOut, Of("passage.article")]


class SavedMatchesOut(TypedDict):
    """A page of matches, the newest first; `cursor` is null on the last one."""

    matches: list[SavedMatchOut]
    cursor: str | None


matches_out = shaped(SavedMatchesOut)


def saved_out(search: SavedSearch, tally: Tally) -> dict[str, Any]:
    return {
        **asked_out(search.query),
        "id": search.id,
        "name": search.name,
        "match": search.query.match,
        "words": search.words,
        "threshold": search.threshold,
        "created": search.created,
        "webhook": search.webhook_host,
        **tally._asdict(),
    }


def saved_of(request: Request) -> SavedSearches:
    """Return the saved searches of this server's index, opened when they are first asked for."""
    state = request.app.state
    if state.saved is None:
        searcher = state.readiness.searcher()
        state.saved = SavedSearches(searcher, state.writing.settings)
    found: SavedSearches = state.saved
    return found


Saved = Annotated[SavedSearches, Depends(saved_of)]
SavedId = Annotated[
    str,
    Path(min_length=1, max_length=64, description="Of a saved search."),
]

saved_router = APIRouter(prefix="/v1/saved", tags=["saved searches"])


@saved_router.post(
    "",
    status_code=201,
    response_model=SavedOut,
    dependencies=[ADMIN, NOTHING, JSON],
    summary="Save a search",
)
def save(body: SavedBody, _: Writer, saved: Saved) -> Response:
    """Passages that are indexed from now on are matched with it, before they are written."""
    search = saved.add(
        body.name,
        body.query(),
        words=body.words,
        threshold=body.threshold,
        webhook=body.webhook,
        secret=body.secret,
    )
    return Answer(saved_out(search, Tally()), 201)


@saved_router.get(
    "",
    response_model=SavedListOut,
    dependencies=[ADMIN, NOTHING],
    summary="The saved searches there are",
)
def saved_searches(saved: Saved) -> Response:
    """All of them. What others look for is theirs, so it takes the scope `admin`."""
    return Answer({"saved": [saved_out(search, tally) for search, tally in saved.list()]})


@saved_router.delete(
    "/{id}",
    status_code=204,
    response_class=Response,
    dependencies=[ADMIN, NOTHING],
    summary="Remove a saved search",
)
def remove_saved(id: SavedId, _: Writer, saved: Saved) -> Response:
    """Removes it with its matches."""
    saved.remove(id)
    return Response(status_code=204)


@saved_router.get(
    "/{id}/feed.atom",
    response_class=Response,
    responses={200: {"content": {feed.MEDIA_TYPE: {"schema": {"type": "string"}}}}},
    dependencies=[SEARCH, NOTHING],
    summary="What a saved search matched, as a feed",
)
def saved_feed(id: SavedId, saved: Saved) -> Response:
    """The newest matches in Atom, for feed readers; their ids stay."""
    found = saved.matches(id, FEED_SIZE).matches
    content = feed.atom(saved.get(id), found)
    return Response(content.encode(), media_type=feed.MEDIA_TYPE)


@saved_router.get(
    "/{id}/matches",
    response_model=SavedMatchesOut,
    dependencies=[SEARCH],
    summary="What a saved search matched",
)
def saved_matches(
    id: SavedId,
    saved: Saved,
    parameters: Annotated[MatchesParameters, reads(MatchesParameters)],
) -> Response:
    """Passages with when they were found, the newest first; those that are in the index now."""
    return Answer(matches_out(saved.matches(id, parameters.size, parameters.cursor)))
