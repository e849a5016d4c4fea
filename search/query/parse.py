"""Parses what a person typed: words, "phrases", +required and -excluded. No text fails.

The grammar is deliberately small, since every character must be acceptable:

    query  := item*
    item   := sign? "="? (quote text quote ("~" n)? | word)
            | sign? field ":" (quote text quote | word)
            | sign? word ("NEAR/" n word)+
    word   := text "*"?          with a star, every word that begins so
            | text ("|" text)+   after a sign, any of these
            | ("root" | "جذر") ":" text    every word of this root
    field  := any of FIELDS      in any case
    n      := 1..50              what has another is words and nothing else
    sign   := "+" | "-"          only right before an item, at the start or after a space
    "="    the letters typed, not another spelling or form of them
    quote  := any of QUOTES       an opening one needs no matching shape to close it

A quote that nothing closes is punctuation. What +demands must be there, what
-excludes must not; a phrase among other words is preferred, since people quote
titles and terms inside questions (demanding them lost 1 % of the answers of
xquad-ar), and a query of phrases alone demands them. A word after "=" is always demanded, and so
is what nobody types by chance: NEAR, a phrase with ~n, and a field (of several values of one
field without a sign, any). Only the length is bounded; from it follows a bound on everything else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from search.analysis.tokens import Token, analyse
from search.domain import Occur, QueryField
from search.errors import InputError
from search.limits import MAX_QUERY_LENGTH

QUOTES = '"“”«»„‟＂'

FIELDS: dict[str, QueryField] = {
    "title": "title", "author": "author", "source": "source", "tag": "tag",
    "عنوان": "title", "كاتب": "author", "مصدر": "source", "وسم": "tag",
    "collection": "collection", "مجموعة": "collection",
}  # fmt: skip
MAX_WITHIN = 50  # words between two that are near

_ITEM = re.compile(
    rf"(?P<sign>(?<!\S)[+-])?(?:(?<![^\s+-])(?P<field>(?i:{'|'.join(FIELDS)})):(?=\S))?"
    rf"(?P<typed>(?<![^\s+-])=)?"
    rf"(?:[{QUOTES}](?P<quoted>[^{QUOTES}]*)[{QUOTES}](?:~(?P<within>\d{{1,2}})(?!\S))?"
    rf"|(?P<word>[^\s{QUOTES}]+))"
)
_NEAR = re.compile(r"NEAR/(\d{1,2})")
_VALUE_ENDS = ",،;؛"  # punctuation behind a field's value

MIN_PREFIX = 3  # letters before a star
MAX_PREFIXES = 4  # of a query; each becomes some sixteen clauses
_PREFIX = re.compile(r"[^*]+\*")
MAX_ROOTS = 4  # of a query; each becomes some twenty clauses
_ROOT = re.compile("(?:root|جذر):(?P<letters>[ء-ي]+)", re.IGNORECASE)

REMEMBERED = 256  # queries and words of which what follows from them is kept: clauses, marks and
# levels ask for the same

_OCCUR: dict[str, Occur] = {"": "optional", "+": "required", "-": "excluded"}
_DEMANDED: dict[Occur, Occur] = {
    "optional": "required", "required": "required", "excluded": "excluded"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """One word or phrase of a query.

    `exact` items were quoted, or are a word after "=": their words must stand next to each other, in any spelling
    unless `typed` (`search.query.phrases`). Other items with several tokens came from one word such
    as COVID-19. `prefix` ones have one token, the first letters of the words that are asked.
    `root`: one token, the letters of a root whose words are asked.
    `any_of`: the items one of which is demanded or excluded, where the word named several.
    `field`: of the article, which has the value `text`; such an item has no tokens, and is
    `optional` where one of several values is enough. `within`: each two neighbouring tokens have
    so many words between them at most, the first before the second if `in_order`, as a quoted
    title's words are.
    """

    text: str
    tokens: tuple[Token, ...]
    occur: Occur
    exact: bool
    typed: bool = False
    prefix: bool = False
    root: bool = False
    any_of: tuple[Item, ...] = ()
    field: QueryField | None = None
    within: int = 0
    in_order: bool = False

    def is_strict(self) -> bool:
        """Whether its words count in a row, or near each other, only."""
        return (self.exact or self.within > 0) and self.occur == "required"


@dataclass(frozen=True, slots=True)
class Synonym:
    """What a person's file has asked beside words of a query.

    typed    the words' forms in the layer `folded`; `shown`, their letters
    written  the entry of the file, and the stems of its words
    """

    typed: tuple[str, ...]
    shown: str
    written: str
    stems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """A query's items, and `meaning`: the text whose meaning is asked for, without
    excluded items, signs and quotes; empty when the query only excludes. `synonyms` are
    asked besides."""

    items: tuple[Item, ...]
    meaning: str
    synonyms: tuple[Synonym, ...] = ()

    def __hash__(self) -> int:
        return hash(self.meaning)  # cheap: what is kept of a query is looked up ten times a search

    def words(self, *, exact: bool = True) -> tuple[Token, ...]:
        """Return the tokens that rank, each spelling once, in order.

        Stop words carry no weight and are left out, unless nothing else is asked.
        `exact=False` leaves out the words of demanded phrases as well.
        """
        return _words(self, exact)

    def prefixes(self) -> tuple[Item, ...]:
        """Return the items that ask for every word that begins so."""
        return tuple(i for i in self.items if i.prefix and i.occur != "excluded")

    def relaxed(self) -> ParsedQuery:
        """Return the query with demanded phrases as loose words; itself where it has none."""
        loose = tuple(
            replace(i, exact=False, occur="optional") if i.exact and i.is_strict() else i
            for i in self.items
        )
        return self if loose == self.items else replace(self, items=loose)


@lru_cache(REMEMBERED)
def _words(query: ParsedQuery, exact: bool) -> tuple[Token, ...]:
    asked = [i for i in query.items if i.occur != "excluded" and not i.prefix]
    tokens = [t for item in asked for t in item.tokens]
    kept = [t for item in asked if exact or not item.is_strict() for t in item.tokens]
    if any(not t.stop for t in tokens):
        kept = [t for t in kept if not t.stop]
    return tuple({t.letters + t.vowelled: t for t in kept}.values())


@lru_cache(REMEMBERED)
def parse(text: str) -> ParsedQuery:
    """Read a query as a person typed it.

    Raises:
        InputError: the text is longer than MAX_QUERY_LENGTH code points.
    """
    if len(text) > MAX_QUERY_LENGTH:
        raise InputError(
            f"the query has {len(text):,} characters; at most {MAX_QUERY_LENGTH:,} can be searched",
            field="query",
        )
    items: list[Item] = []
    meaning: list[str] = []
    stars = roots = 0
    parts = list(_ITEM.finditer(text))
    nears = _nears(parts) if "NEAR/" in text else {}
    for at, found in enumerate(parts):
        quoted, typed = found["quoted"] is not None, found["typed"] is not None
        content = found["quoted"] if quoted else found["word"]
        occur = _OCCUR[found["sign"] or ""]
        if found["field"]:
            if (item := _field(found, content, occur)) is not None:
                items.append(item)
                continue
            content, quoted = f"{found['field']}:{content}", False
        named = None if quoted or typed or roots == MAX_ROOTS else _ROOT.fullmatch(content)
        is_root = named is not None and len(analyse(named["letters"])) == 1
        if named is not None and is_root:
            content = named["letters"]
            roots += 1
        tokens = tuple(analyse(content))
        if at in nears:
            items.append(nears[at])
            continue
        if typed and not quoted and occur == "optional":
            occur = "required"
        prefix = not (quoted or typed) and stars < MAX_PREFIXES and _is_prefix(content, tokens)
        stars += prefix
        within = int(found["within"] or 0)
        if 0 < within <= MAX_WITHIN and len(tokens) > 1:
            demanded = _DEMANDED[occur]
            whole = found.group().lstrip("+-")
            items.append(Item(whole, tokens, demanded, False, typed, within=within, in_order=True))
        elif tokens and not (at - 1 in nears or at + 1 in nears):
            item = Item(content, tokens, occur, quoted or typed, typed, prefix, is_root)
            if occur != "optional" and "|" in content and not (quoted or typed or prefix):
                item = replace(item, any_of=_any_of(item))
            items.append(item)
            if found["within"]:
                items.append(Item(f"~{within}", tuple(analyse(found["within"])), "optional", False))
        if occur != "excluded" and not (at - 1 in nears and nears[at - 1].occur == "excluded"):
            meaning.append(content)
    plain = not roots and all(item.occur == "optional" and item.field is None for item in items)
    if all(item.exact or item.field for item in items if item.occur != "excluded"):
        items = [
            replace(i, occur="required") if i.occur == "optional" and not i.field else i
            for i in items
        ]
    # An ordinary query is embedded as it was typed.
    return ParsedQuery(tuple(items), text.strip() if plain else " ".join(meaning))


def _is_prefix(content: str, tokens: tuple[Token, ...]) -> bool:
    return (
        _PREFIX.fullmatch(content) is not None
        and len(tokens) == 1
        and len(tokens[0].folded) >= MIN_PREFIX
    )


def _any_of(item: Item) -> tuple[Item, ...]:
    parts = ((text, tuple(analyse(text))) for text in item.text.split("|"))
    return tuple(replace(item, text=text, tokens=tokens) for text, tokens in parts if tokens)


def _field(found: re.Match[str], content: str, occur: Occur) -> Item | None:
    """Return what asks for a field's value, None where there is none."""
    value = content if found["word"] is None else content.rstrip(_VALUE_ENDS)
    field = FIELDS[found["field"].lower()]
    if not value.strip() or (field == "title" and not analyse(value)):
        return None
    return Item(value, (), occur, exact=False, field=field, in_order=found["word"] is None)


def _nears(parts: list[re.Match[str]]) -> dict[int, Item]:
    """Return, by the place of each NEAR/n between two words, what it asks for."""
    found: dict[int, Item] = {}
    for at in range(1, len(parts) - 1):
        near = _NEAR.fullmatch(parts[at].group())
        if near is None or not 0 < int(near[1]) <= MAX_WITHIN:
            continue
        left, right = _operand(parts[at - 1]), _operand(parts[at + 1])
        if left is None or right is None or parts[at + 1]["sign"]:
            continue
        chain = found.get(at - 2)
        occur = chain.occur if chain else _OCCUR[parts[at - 1]["sign"] or ""]
        text = f"{parts[at - 1]['word']} {near[0]} {parts[at + 1]['word']}"
        demanded = _DEMANDED[occur]
        found[at] = Item(text, (left, right), demanded, False, within=int(near[1]))
    return found


def _operand(part: re.Match[str]) -> Token | None:
    if part["word"] is None or part["field"] or part["typed"] or _NEAR.fullmatch(part["word"]):
        return None
    tokens = () if set("*|") & set(part["word"]) else analyse(part["word"])
    return tokens[0] if len(tokens) == 1 else None
