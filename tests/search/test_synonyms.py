"""The file of synonyms: its format and bounds, and what a change of it does."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from search.errors import SettingsError
from search.limits import MAX_SYNONYM_LINES, MAX_SYNONYMS, MAX_SYNONYMS_FILE
from search.query import synonyms
from search.query.parse import parse
from search.query.synonyms import SynonymFile, read_rules, with_synonyms


def asked(text: str, rules: str) -> list[str]:
    return [each.written for each in with_synonyms(parse(text), read_rules(rules)).synonyms]


def test_rules_of_both_kinds_and_both_commas() -> None:
    rules = "\n# no rule\nنفط، بترول, خام  # oil\nغاز => وقود\n"
    assert asked("النفط", rules) == ["بترول", "خام"]
    assert asked("والغاز", rules) == ["وقود"]
    assert asked("وقود", rules) == []


def test_the_longest_and_every_shorter_entry_count_once() -> None:
    rules = "حزب الله => الحزب\nحزب => جماعة\n"
    assert asked("حزب الله حزب الله", rules) == ["جماعة", "الحزب"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("نفط", "line 1: it has no two entries"),
        ("\n=> نفط", "line 2: it has no two entries"),
        ("نفط =>", "line 1: it has no two entries"),
        ("نفط, ؟!", "has 0 words"),
        ("نفط, a b c d e f g", "has 7 words"),
        (", ".join(f"w{n}" for n in range(MAX_SYNONYMS + 1)), f"at most {MAX_SYNONYMS}"),
        ("\n" * (MAX_SYNONYM_LINES + 1), "lines"),
    ],
)
def test_what_is_no_rule_is_refused_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        read_rules(text)


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"a" * (MAX_SYNONYMS_FILE + 1)])
def test_a_file_that_cannot_be_used_is_refused_at_the_start(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "synonyms.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"synonyms\.txt"):
        SynonymFile(file)


def test_a_changed_file_is_read_anew_and_a_broken_one_leaves_the_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(synonyms, "_LOOKED_AT", 0.0)
    file = tmp_path / "synonyms.txt"
    file.write_text("نفط, خام", encoding="utf-8")
    rules = SynonymFile(file)
    before = rules.rules()
    file.write_text("نفط, خام, بترول", encoding="utf-8")
    after = rules.rules()
    assert after != before
    assert not rules.is_behind()
    file.write_text("نفط", encoding="utf-8")
    with caplog.at_level(logging.ERROR):
        assert rules.rules() == after
        assert rules.rules() == after
    assert len(caplog.records) == 1
    assert rules.is_behind()
    file.write_text("نفط, خام", encoding="utf-8")
    assert not rules.is_behind()
    assert rules.rules() == before
    os.remove(file)  # noqa: PTH107
    assert rules.rules() == before
