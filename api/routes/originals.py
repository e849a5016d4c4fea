"""Original files of articles: what became of each, and the file itself, served so that nothing in it runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Annotated, BinaryIO
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from api.access import SEARCH, Access
from api.problems import ORIGINAL_CHANGED, ORIGINAL_GONE, ORIGINALS_CLOSED, Refused
from api.requests import OriginalParameters, OriginalsParameters, reads
from api.routes.search import Answer, ArticleId, Ready
from api.schemas import OriginalsOut
from search.domain import Filter
from search.engines.protocol import EngineReader, ListRequest
from search.errors import NotFound
from search.originals import Original, OriginalFiles
from search.settings import Settings

PIECE = 1 << 18  # bytes
# What a browser may show; all else is a download. nosniff keeps each what it is called.
SHOWN = {
    **dict.fromkeys((".html", ".htm", ".xhtml"), "text/html"),
    **dict.fromkeys((".txt", ".text", ".log", ".md", ".markdown", ".srt", ".vtt"), "text/plain"),
    **dict.fromkeys((".jpg", ".jpeg"), "image/jpeg"),
    ".png": "image/png",
    ".pdf": "application/pdf",
}
# No script, form, frame, or anything from elsewhere. Browsers show no PDF in a sandbox; theirs is
# the viewer's own.
ALONE = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'"
SANDBOX = f"sandbox; {ALONE}"

originals = APIRouter(prefix="/v1", tags=["search"], dependencies=[SEARCH])


def _files(request: Request) -> OriginalFiles:
    """Return the files that this request may open. Raises Refused. The one place that decides."""
    settings: Settings = request.app.state.writing.settings
    if settings.originals is None:
        raise Refused(ORIGINALS_CLOSED, "Set FIHRIS_ORIGINALS to a folder to open files in it.")
    access: Access = request.app.state.access
    access.check(request, "search")  # and not what is only public
    return OriginalFiles(settings)


def _of(files: OriginalFiles, engine: EngineReader, ids: list[str]) -> dict[str, Original]:
    """Return the original files of articles that are in the index."""
    found = files.of(ids)
    request = ListRequest(Filter(articles=tuple(found)), limit=len(found))
    there = engine.list_articles(request).articles if found else ()
    return {info.id: found[info.id] for info in there}


@originals.get("/originals", response_model=OriginalsOut, summary="What became of original files")
def every_original(
    request: Request,
    parameters: Annotated[OriginalsParameters, reads(OriginalsParameters)],
    searcher: Ready,
) -> Response:
    """Of those of these articles that have an original file which may be opened, its name and
    whether it is the `same` as it was when it was indexed, has `changed` or is `gone`. `open`
    tells whether this server opens any.
    """
    try:
        files = _files(request)
    except Refused:
        return Answer({"open": False, "originals": []})
    told = []
    for article, original in _of(files, searcher.engine, parameters.id).items():
        state, file = files.opened(original)
        if file is not None:
            file.close()
        told.append({"article": article, "name": original.name, "state": state})
    return Answer({"open": True, "originals": told})


@originals.get(
    "/originals/{id:id}",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}},
    summary="The original file of an article",
)
def original(
    id: ArticleId,
    request: Request,
    parameters: Annotated[OriginalParameters, reads(OriginalParameters)],
    searcher: Ready,
) -> Response:
    """The file that the article was read from: of a member of an archive the archive, of a letter
    of a mailbox the mailbox. One that changed since is refused unless `changed=true`.
    """
    files = _files(request)
    found = _of(files, searcher.engine, [id]).get(id)
    if found is None:
        raise NotFound(
            f"no original file is known of {id[:100]!r}: docs/CONFIGURATION.md says when"
        )
    state, file = files.opened(found)
    if file is None:
        raise Refused(ORIGINAL_GONE, f"{found.name} is not where it was, or cannot be read.")
    if state == "changed" and not parameters.changed:
        file.close()
        raise Refused(
            ORIGINAL_CHANGED,
            f"{found.name} was changed after it was indexed; changed=true opens it as it is now.",
        )
    kind = SHOWN.get(PurePath(found.name).suffix.lower())
    disposition = "inline" if kind else "attachment"
    return StreamingResponse(
        _pieces(file),
        headers={
            "Content-Type": kind or "application/octet-stream",
            "Content-Security-Policy": ALONE if kind == "application/pdf" else SANDBOX,
            "Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(found.name, safe='')}",
        },
    )


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece
