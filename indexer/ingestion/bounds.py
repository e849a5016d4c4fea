"""What an article's fields may have at most: one set of bounds for all doors.

Apart from `indexer.ingestion.records`, since that loads a language model and readers of files do not.
"""

from __future__ import annotations

from collections.abc import Mapping

from search.article_ids import MAX_ID

MAX_TEXT = 10_000_000  # code points of one article
MAX_LENGTH: Mapping[str, int] = {  # code points
    "id": MAX_ID,
    "title": 1_000,
    "author": 200,
    "source": 200,
    "language": 35,
    "url": 2_048,
}
MAX_TAGS = 64
MAX_TAG = 100  # code points
