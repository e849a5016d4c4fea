"""The language of a text: letters first, then a model, "" where it is unsure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.extraction.languages import language_of

SEED = (Path(__file__).parents[2] / "seeds/000_68ec81c8af20b3f5.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (SEED, "ar"),
        ("وزير الدفاع يعلن ضربات جوية في العراق", "ar"),
        ("كَتَبَ الطَّالِبُ الدَّرْسَ فِي المَدْرَسَةِ", "ar"),
        ("خرج الرئيس پوتين من موسكو إلى چيكاغو مع گورباتشوف", "ar"),
        ("انا عايز اعرف ايه اللي حصل امبارح في المباراة", "ar"),  # Egyptian
        ("فرهنگ ایرانی در طول تاریخ با فراز و نشیب‌های فراوانی روبرو بوده است", "fa"),
        ("فرهنگ ايراني در طول تاريخ با فراز و نشيب‌هاي فراواني روبرو بوده است", "fa"),
        ("پاکستان کے وزیر اعظم نے کہا ہے کہ ملک میں امن", "ur"),
        ("سەرۆکی هەرێمی کوردستان لەگەڵ وەزیری دەرەوە کۆبووەوە", "ckb"),
        ("ראש הממשלה הודיע היום על מהלך חדש בכנסת", "he"),
        ("The minister of defence announced air strikes in Iraq", "en"),
        ("THE MINISTER OF DEFENCE ANNOUNCED AIR STRIKES IN IRAQ", "en"),
        ("Le ministre a annoncé des frappes aériennes en Irak", "fr"),
        ("Der Minister hat Luftangriffe im Irak angekündigt", "de"),
        ("El ministro anunció ataques aéreos en Irak", "es"),
        ("Savunma bakanı Irak'ta hava saldırıları düzenlendiğini duyurdu", "tr"),
        # mostly one
        ("أعلن وزير الدفاع لويد أوستن (Lloyd Austin) ضربات جوية في العراق", "ar"),
        # unsure
        ("", ""),
        ("12345 67890 12345 67890 12345", ""),
        ("وزير الدفاع", ""),
        ("https://example.org/the/minister/of/defence/announced", ""),
        ("وزير الدفاع يعلن ضربات the minister announced strikes", ""),
        ("al wazir a3lan el darabat fil 3iraq embare7 bellel", ""),
        ("Il governo italiano ha annunciato nuove misure per la crescita", ""),
        ("O presidente do Brasil viajou para a capital do país ontem", ""),
        ("د افغانستان د اسلامي امارت ویاند وویل چې", ""),
        ("شينجاڭ ئۇيغۇر ئاپتونوم رايونى ئۈرۈمچى شەھىرى", ""),
        ("Президент России заявил сегодня о новых мерах", ""),
    ],
)
def test_one_text(text: str, code: str) -> None:
    assert language_of(text) == code


def test_questions() -> None:
    folder = Path(__file__).resolve().parents[3] / "shared" / "eval"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here")
    for name, code, least in (("xquad-ar", "ar", 0.995), ("xquad-en-ar", "en", 0.98)):
        lines = (folder / name / "queries.jsonl").read_text(encoding="utf-8").splitlines()
        texts = [json.loads(line)["text"] for line in lines]
        found = [language_of(text) for text in texts if sum(map(str.isalpha, text)) >= 20]
        assert found.count(code) >= least * len(found)


@given(st.text())
def test_no_text_makes_it_fail(text: str) -> None:
    told = {"", "ar", "en", "fr", "fa", "ur", "ckb", "he", "tr", "de", "es"}
    assert {language_of(text), language_of(text * 30)} <= told
