"""Upper bounds of what may be asked and given, in one place; a test compares docs/INDEXING.md's table with it.

What a single parser or a single wire may take (an XML tree, a page's glyphs, a head) is bounded
where it is read.
"""

from __future__ import annotations

from collections.abc import Mapping

# -- an article; lengths in code points

MAX_ID = 512
MAX_TEXT = 10_000_000
MAX_LENGTH: Mapping[str, int] = {
    "id": MAX_ID,
    "title": 1_000,
    "author": 200,
    "source": 200,
    "language": 35,
    "url": 2_048,
}
FIELDS = (*MAX_LENGTH, "published", "tags", "text")
MAX_TAGS = 64
MAX_TAG = 100
MAX_PLACES = 100_000  # of an article: pages, rows, times
MAX_PLACE = 100  # code points of each
MAX_PASSAGE_LENGTH = 8_192
MAX_SENTENCES = 64  # of a passage: each is a vector

# -- files and bodies, in bytes

MAX_FILE = 64 << 20  # a file of one article, a `.json`, a file over HTTP
MAX_LINE = 16 << 20  # a line of JSON
MAX_ARTICLE = 16 << 20  # one article's JSON over HTTP
MAX_CHANGE = 64 << 10  # what is set of articles' metadata, over HTTP
MAX_ZIPPED_FILE = 512 << 20  # an office file, a book: pictures are not unpacked
MAX_ZIPPED_UNPACKED = 256 << 20  # all that is read of it
MAX_ARCHIVE_UNPACKED = 4 << 30  # an archive and all archives in it
MAX_ARCHIVE_RATIO = 200  # unpacked to packed; JSON lines of one site have 5 to 15

# -- a search

MAX_QUERY_LENGTH = 1_000  # code points
MAX_SIZE = 100  # results on a page
MAX_FACET_SIZE = 100  # values of a facet
MAX_FACET_PREFIX = 200  # code points, as long as a value
MAX_CURSOR = 3_000  # characters: an id, four bytes a code point at most, in base64
MAX_SYNONYMS_FILE = 4 << 20  # bytes
MAX_SYNONYM_LINES = 50_000
MAX_SYNONYMS = 32  # entries of a line
MAX_SYNONYM_WORDS = 6  # of an entry
MAX_SUGGESTIONS = 20
MAX_RESULTS = 10_000  # in all: how far a page may begin, and how deep an engine ranks

# -- keywords in context

MAX_CONTEXT = 30  # words on each side
MAX_READ = 1_000  # passages whose occurrences are found
MAX_LINES = 1_000  # on a page
MAX_OCCURRENCES = 10_000  # in all

# -- annotations

MAX_ANNOTATIONS = 10_000  # of an index: a label's articles are then no more than a filter takes
MAX_OF_PLACE = 20  # on one passage, or on one article
MAX_LABELS = 16  # of an annotation
MAX_LABEL = 100  # code points
MAX_NOTE = 4_000  # code points

# -- saved searches

MAX_SAVED = 10_000
MAX_SAVED_NAME = 200  # code points
MAX_WEBHOOK = 2_048  # characters of an address
MAX_MATCHES = 10_000  # kept of each; older ones make room, and are counted
