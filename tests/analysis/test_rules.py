"""What a serious Arabic searcher expects of letters, digits, marks, words and quotes.

One line a rule of the project's ARABIC.md; clitics, endings and plurals stand in test_stemmer.
"""

from __future__ import annotations

import pytest

from search.analysis.folding import fold_value
from search.analysis.tokens import Token, analyse, layer_terms, terms
from search.domain import Layer
from search.query.parse import parse


def layer(name: Layer, text: str) -> str:
    return terms(text)[name]


def only(text: str) -> Token:
    (token,) = analyse(text)
    return token


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        # tashkeel, in every block that ARABIC.md names
        ("مَدْرَسَةٌ", "مدرسة"),
        ("كِتَابًا", "كتابا"),
        ("الشَّمْسُ", "الشمس"),
        ("هٰذا", "هذا"),  # U+0670 is dropped, it is no alef
        ("الرحمٰن", "الرحمن"),
        ("لا\u0653 ", "لآ"),  # madda composes (NFKC), like the hamzas below
        ("ا\u0655", "إ"),
        ("ب\u0656", "ب"),
        ("محمد\u0610", "محمد"),
        ("قال\u061a", "قال"),
        ("قف\u06d6", "قف"),
        ("من\u06ed", "من"),
        ("ع\u06e5", "ع"),  # small waw of the Qur'an, though a letter by its category
        # tatweel and format controls
        ("العـــراق", "العراق"),
        ("الع\u200dراق", "العراق"),
        ("می\u200cخواهم", "ميخواهم"),
        ("\u202bالعراق\u202c", "العراق"),
        ("\ufeffالعراق\u200f", "العراق"),
        ("الع\u00adراق", "العراق"),
        ("الع\u2060راق", "العراق"),
        # Persian and Urdu variants; letters with a sound of their own stay
        ("کتاب", "كتاب"),
        ("ایران", "ايران"),
        ("ہند", "هند"),
        ("ھند", "هند"),
        ("صلوۃ", "صلوة"),
        ("ے ۓ", "ي ي"),
        ("گوگل پاریس چای ژاله ڤيتو", "گوگل پاريس چاي ژاله ڤيتو"),
        # presentation forms
        ("ﻻ", "لا"),
        ("ﻷن", "لأن"),  # the hamza stays
        ("ﷲ", "الله"),
        ("ﷺ", "صلى الله عليه وسلم"),
        ("ﺍﻟﻌﺮﺍﻕ", "العراق"),
        ("بﹰ", "ب"),  # a spacing tanween is a mark, no space
        # hamza, ى and ة stay apart here
        ("أإآاٱ", "أإآاٱ"),
        ("على علي", "على علي"),
        ("مكتبة مكتبه", "مكتبة مكتبه"),
        ("مسؤول مسئول سوء", "مسؤول مسئول سوء"),
        ("ا\u0654حمد", "أحمد"),  # hamza written as a mark of its own
        ("ا\u064e\u0654حمد", "أحمد"),  # with a vowel between
        # digits: one value
        ("١٥١ ۱۵۱ 151", "151 151 151"),
        ("٣٫٥ 3.5 ۳٫۵", "3.5 3.5 3.5"),
        ("١٬٠٠٠ 1,000 1000", "1000 1000 1000"),
        ("١٬٢٣٤٫٥", "1234.5"),
        ("10,000,000", "10000000"),
        ("22.11.2026", "22 11 2026"),
        ("1,5", "1 5"),  # neither thousands nor a decimal of ours
        ("12:30", "12 30"),
        ("²", "2"),
        # mixed scripts
        ("الـBBC", "ال bbc"),
        ("و17", "و 17"),
        ("COVID-19", "covid 19"),
        ("كوفيد19", "كوفيد 19"),
        ("v2 G20 5G", "v2 g20 5g"),
        ("Ｆｕｌｌ", "full"),
        ("don't Iran’s", "don't iran's"),
        ("l'Iran", "l iran"),
        ("'quoted'", "quoted"),
        ("snake_case", "snake case"),
        ("Москва", "москва"),
        ("東京", "東 京"),
        ("서울\u1112\u1161\u11ab", "서울한"),
        # separators
        ("سلام، عليكم؛ نعم؟ «لا» “بلى” „كلا”…", "سلام عليكم نعم لا بلى كلا"),
        ("أ–ب—ج/د", "أ ب ج د"),
        ("a\u200bb", "a b"),  # a zero-width space is a place to break
        ("عراق😀سوريا", "عراق سوريا"),
        ("#كورونا_المستجد @user", "كورونا المستجد user"),
        ("a\x00b\ud800c", "a b c"),
        ("\u064b", ""),
        ("", ""),
    ],
)
def test_letters(text: str, letters: str) -> None:
    assert layer("letters", text) == letters


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("أحمد إحمد آحمد ٱحمد احمد", "احمد احمد احمد احمد احمد"),
        ("فاطمة فاطمه", "فاطمه فاطمه"),
        ("على علي", "علي علي"),
        ("قرآن قرءان", "قران قران"),  # آ and ءا meet
        ("ءامن آمن", "امن امن"),
        ("قراءات", "قراءات"),  # hamza and alef of different syllables stay
        ("جزءا", "جزءا"),
        ("إلى إلا", "الي الا"),  # two words stay two
        ("مسؤول مسئول مسءول", "مسءول مسءول مسءول"),
        ("رؤوس رءوس رئوس", "رءوس رءوس رءوس"),
        ("سؤال سأل", "سءال سال"),
        ("ڤيتو پاريس چيفارا گروب أڭادير", "فيتو باريس جيفارا كروب اكادير"),
        ("ٲحمد ٳبراهيم کوردستان مدرسە وزێر", "احمد ابراهيم كوردستان مدرسه وزير"),
        ("جمييييل راااائع ممممتاز اللللله", "جميل راءع ممتاز الله"),  # drawn out for emphasis
        ("ههههه ممم", "ههههه ممم"),  # and no word of one letter
        ("ﷲ اﷲ واﷲ باﷲ", "الله الله والله بالله"),
        ("Café ÉTÉ naïve", "cafe ete naive"),
        ("Straße Łódź Ærø", "strasse lodz aero"),
        ("İstanbul ISTANBUL ırmak", "istanbul istanbul irmak"),
        ("don't Sana'a", "dont sanaa"),
        ("Ёлка", "елка"),
        ("שָׁלוֹם", "שלום"),
        ("हिन्दी", "हिन्दी"),  # vowel signs of Indian scripts are no accents
    ],
)
def test_folded(text: str, folded: str) -> None:
    assert layer("folded", text) == folded


@pytest.mark.parametrize(
    ("one", "other"),
    [("running", "run"), ("studies", "study"), ("attacks", "attack"), ("attacked", "attack"),
     ("churches", "church"), ("accused", "accuse"), ("Iran's", "Iran"), ("États", "etat"), ("cities", "city")],
)  # fmt: skip
def test_latin_stems_meet(one: str, other: str) -> None:
    assert only(one).stem == only(other).stem


@pytest.mark.parametrize(
    ("one", "other"),
    [("universe", "university"), ("news", "new"), ("Hamas", "Hama"), ("gas", "ga"), ("bus", "bu"), ("need", "ne"), ("sing", "s"),
     ("covid19", "covid1"), ("glass", "glas"), ("iran", "iraq")],
)  # fmt: skip
def test_latin_stems_stay_apart(one: str, other: str) -> None:
    assert only(one).stem != only(other).stem


@pytest.mark.parametrize(
    ("one", "other", "least"),
    [
        ("نتنياهو", "نتانياهو", 0.5),  # foreign names spelled two ways
        ("غوغل", "جوجل", 0.0),  # too short: listed synonyms must do it
        ("ميليشيات", "مليشيات", 0.5),
    ],
)
def test_grams_shared(one: str, other: str, least: float) -> None:
    first, second = set(only(one).grams), set(only(other).grams)
    assert len(first & second) / len(first | second) >= least * 0.6
    assert only(one).folded != only(other).folded


def test_grams_are_padded_fours() -> None:
    assert only("كتاب").grams == ("_كتا", "كتاب", "تاب_")
    assert only("كم").grams == ("_كم_",)
    assert only("ا").grams == ("_ا_",)


@pytest.mark.parametrize(
    ("text", "vowelled"),
    [
        ("عِلْم", "عِلم"),  # sukun says nothing
        ("عِلم", "عِلم"),
        ("عَلَم", "عَلَم"),
        ("كَتَبَ", "كَتَب"),  # the case vowel is the sentence's, not the word's
        ("كُتُبٌ", "كُتُب"),
        ("كِتَابًا", "كِتابا"),
        ("كِتاب", "كِتاب"),  # the vowel before its long vowel may be left out
        ("مُدَرِّسَة", "مُدَرِّسة"),
        ("مُدَر\u0650\u0651سة", "مُدَرِّسة"),  # shadda and vowel in either order
        ("الشَّمس", "الشَمس"),  # a sun letter's shadda
        ("كتابٌ", ""),  # nothing but a case vowel
        ("كتاب", ""),
        ("café", ""),
    ],
)
def test_vowelled(text: str, vowelled: str) -> None:
    assert only(text).vowelled == unicode_order(vowelled)


def unicode_order(text: str) -> str:
    """Shadda before its vowel, as the layer has it, whatever the editor typed."""
    for vowel in "\u064e\u064f\u0650":
        text = text.replace(vowel + "\u0651", "\u0651" + vowel)
    return text


@pytest.mark.parametrize(
    "word",
    ["في", "وفي", "على", "عن", "من", "فمن", "إلى", "الى", "أن", "ان", "هذا", "هٰذا", "التي", "كان",
     "ماذا", "أين", "the", "The", "of", "what", "don't", "les", "dans", "été"],
)  # fmt: skip
def test_stop_words(word: str) -> None:
    assert only(word).stop


@pytest.mark.parametrize(
    "word", ["علي", "العراق", "مني سوريا", "الهند", "نعمة", "war", "état", "2026", "عراق"]
)
def test_no_stop_words(word: str) -> None:
    assert not all(token.stop for token in analyse(word))


def test_stop_words_stay_in_phrases() -> None:
    text = "حزب الله في العراق"
    assert layer("letters", text).split() == ["حزب", "الله", "في", "العراق"]
    assert len(layer("stem", text).split()) == len(layer("folded", text).split()) == 4


@pytest.mark.parametrize("quotes", ['""', "“”", "””", "«»", "„“", "„”", "»«"])
def test_any_quotes_make_a_phrase(quotes: str) -> None:
    (item,) = parse(f"{quotes[0]}عين الأسد{quotes[1]}").items
    assert item.exact
    assert [token.letters for token in item.tokens] == ["عين", "الأسد"]


def test_offsets_point_into_the_original_text() -> None:
    text = "قال: «الـعِـرَاق» ﻻ 1,000"
    shown = [text[t.start : t.end] for t in analyse(text)]
    assert shown == ["قال", "الـعِـرَاق", "ﻻ", "1,000"]


def test_words_of_one_code_point_share_no_offset() -> None:
    assert [(t.start, t.end) for t in analyse("ﷺ")] == [(0, 1), (1, 1), (1, 1), (1, 1)]


def test_layers_of_a_text() -> None:
    text = "وللعراقيين عِلْم"
    assert layer_terms(analyse(text)) == terms(text)
    assert layer("stem", text) == "عراق علم"
    assert layer("vowelled", text) == "عِلم"


@pytest.mark.parametrize(
    ("value", "other"),
    [
        ("الأهرام", "الاهرام"),
        ("مؤسّسة هنداوي", "مؤسسه  هنداوى"),
        ("AL-MANAR", "al manar"),
        ("ar_EG", "ar-eg"),
        ("Café", "cafe"),
        ("٢٠٢٣", "2023"),
        ("علی", "علي"),
        ("الشرق الأوسـط", "الشرق الأوسط"),
    ],
)
def test_filters_compare_values(value: str, other: str) -> None:
    assert fold_value(value) == fold_value(other)


@pytest.mark.parametrize(
    ("value", "other"),
    [
        ("C++", "C"),
        ("C#", "C"),
        ("المنار", "النار"),
        ("-", "_"),
        ("cnn\x00", "cnn"),
        ("أدب", "أدب عربي"),
    ],
)
def test_filters_keep_apart(value: str, other: str) -> None:
    assert fold_value(value) != fold_value(other)


@pytest.mark.parametrize(
    ("written", "modern"),
    [
        ("ٱلصَّلَوٰةَ", "الصلاة"),  # و under a dagger alef is that alef
        ("ٱلتَّوۡرَىٰةَ", "التوراة"),
        ("مَأۡوَىٰهُمُ", "مأواهم"),
        ("مُوسَىٰ", "موسى"),  # but not ى at the end
        ("ٱلرِّبَوٰاْ", "الربا"),
        ("ٱلۡكِتَٰبُ", "الكتاب"),
        ("ٱلسَّمَٰوَٰتِ", "السماوات"),  # و with a vowel of its own
        ("ٱلرَّحۡمَٰنِ", "الرحمن"),  # words that have no alef today
        ("هَٰذَا", "هذا"),
        ("وَلَٰكِن", "ولكن"),
        ("بِذَٰلِكَ", "بذلك"),
        ("أُوْلَٰٓئِكَ", "أولئك"),
        ("إِلَٰهُكُمۡ", "إلهكم"),
        ("مَسۡـُٔولٗا", "مسءولا"),  # hamza above a line
        ("ٱلۡأَفۡـِٔدَةِ", "الأفءدة"),
        ("إِبۡرَٰهِـۧمَ", "إبراهيم"),  # small letters
        ("دَاوُۥدَ", "داود"),
        ("ٱلۡغَاوُۥنَ", "الغاوون"),
        ("سُبۡحَٰنَهُۥ", "سبحانه"),
        ("يَٰقَوۡمِ", "يا قوم"),  # a call is a word of its own
        ("وَيَٰٓأَيُّهَا", "ويا أيها"),
        ("يَٰمُوسَىٰ", "يا موسى"),
    ],
)
def test_quranic_spelling_meets_the_modern_one(written: str, modern: str) -> None:
    shown = layer("letters", written).replace("ٱ", "ا")
    assert shown == modern
    assert layer("stem", written) == layer("stem", modern)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("٧،٨،٩", "7 8 9"),
        ("2018،2019", "2018 2019"),
        ("100،200", "100 200"),
        ("1,2,3", "1 2 3"),
        ("١٢٬٣٤٥", "12345"),
        ("12,345", "12345"),
        ("3٫5", "3.5"),
    ],
)
def test_lists_of_numbers(text: str, numbers: str) -> None:
    assert layer("letters", text) == numbers


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ʿAbbās", "abbas"),
        ("Qurʾān", "quran"),
        ("Maʻmūn", "mamun"),
        ("Ḥasan Ṭāhā ħ", "hasan taha h"),
    ],
)
def test_signs_of_romanisation_are_no_letters(text: str, folded: str) -> None:
    assert layer("folded", text) == folded
