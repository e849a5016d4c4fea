"""Results as CSV, BibTeX and RIS: what stands in a cell or a field, one line a rule."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.domain import ArticleInfo, Group, Hit, Match, Passage, Query, Results, Segment
from search.exports import COLUMNS, as_csv, bibtex, exported, harmless, ris

ARTICLE = ArticleInfo(
    "/files/a.txt",
    title="ضربات 50% & {أخرى}",
    source="CNN Arabic",
    author="سارة علي",
    language="ar",
    published=date(2024, 1, 31),
    tags=("العراق", "a_b"),
    url="https://example.org/a_b?x=%D8",
)


def hit(article: ArticleInfo, text: str = "نص") -> Hit:
    passage = Passage(article.id, 0, 0, len(text), text)
    return Hit(
        passage, article, 0.5, None, None, (Segment(text, match=False),), (), Match("form"), None
    )


def answer(*hits: Hit, start: int = 0) -> Results:
    return Results(Query("ن", start=start), hits, None)


def table(results: Results) -> list[dict[str, str]]:
    text = as_csv(results)
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_a_row_of_csv_for_each_hit() -> None:
    (row,) = table(answer(hit(ARTICLE, "سطر\nآخر"), start=10))
    assert list(row) == list(COLUMNS)
    assert (row["rank"], row["match"], row["published"]) == ("11", "form", "2024-01-31")
    assert row["text"] == "سطر\nآخر"


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@a", "\ta", "\ra"])
def test_a_cell_like_a_formula_is_made_harmless(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"
    assert table(answer(hit(replace(ARTICLE, title=cell))))[0]["title"] == f"'{cell}"


def test_a_number_stays_a_number() -> None:
    assert harmless(-1.5) == -1.5


def test_bibtex() -> None:
    assert bibtex(ARTICLE).split("\n", 1)[1] == (
        "  title = {ضربات 50\\% \\& \\{أخرى\\}},\n"
        "  author = {{سارة علي}},\n"
        "  journal = {CNN Arabic},\n"
        "  year = {2024},\n"
        "  date = {2024-01-31},\n"
        "  keywords = {العراق, a\\_b},\n"
        "  language = {ar},\n"
        "  url = {https://example.org/a_b?x=\\%D8},\n"
        "}\n"
    )


def test_the_key_of_bibtex_is_the_article_s_own() -> None:
    first, again, other = (bibtex(ArticleInfo(key)).split(",")[0] for key in ("a", "a", "b"))
    assert first == again != other
    assert first.startswith("@misc{fihris-")


def test_ris() -> None:
    assert ris(ARTICLE).split("\r\n") == [
        "TY  - NEWS",
        "ID  - /files/a.txt",
        "TI  - ضربات 50% & {أخرى}",
        "AU  - سارة علي",
        "T2  - CNN Arabic",
        "PY  - 2024",
        "DA  - 2024/01/31",
        "LA  - ar",
        "KW  - العراق",
        "KW  - a_b",
        "UR  - https://example.org/a_b?x=%D8",
        "ER  - ",
        "",
    ]


def test_an_article_is_cited_once_and_hits_of_groups_count() -> None:
    hits = (hit(ARTICLE), hit(ARTICLE, "آخر"))
    assert exported(answer(*hits), "ris").count("TY  - ") == 1
    grouped = replace(answer(), groups=(Group(ARTICLE, hits),))
    assert exported(grouped, "bibtex").count("@article{") == 1
    assert len(table(grouped)) == 2


@given(st.text(), st.text())
def test_no_field_breaks_out_of_its_entry(title: str, author: str) -> None:
    article = ArticleInfo("a", title=title, author=author)
    assert all(len(line) < 6 or line[2:6] == "  - " for line in ris(article).split("\r\n"))
    body = bibtex(article).replace("\\{", "").replace("\\}", "")
    assert body.count("{") == body.count("}")
    assert body.split("\n")[-2:] == ["}", ""]
