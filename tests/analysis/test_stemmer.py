"""The stemmer, one line a rule or word: forms that must meet, words that must not."""

from __future__ import annotations

import pytest

from search.analysis.folding import fold_arabic, fold_seats, unify_letters
from search.analysis.lexicon import read_pairs, read_words
from search.analysis.stemming import is_apart, stem, stem_as_written, stem_of_lemma


def stemmed(word: str) -> str:
    letters = unify_letters(word)
    return stem_as_written(letters, fold_arabic(letters))


# A word, then forms of it that must have its stem.
MEET = """
عراق العراق وللعراق بالعراق كالعراق فبالعراق والعراق للعراق لعراق
عراقي العراقية العراقيين والعراقيون
وزير الوزير للوزير ووزير وزيرها وزراء الوزراء لوزراء بوزير ووزرائهم
وزارة الوزارة ووزارات للوزارة
ولاية الولايات ولايتها للولايات بولاية
كتاب الكتاب بكتاب كتابهم كتب وكتبها للكتاب ككتاب
كتائب كتيبة الكتائب وكتائب
كلمة الكلمات كلمتها بكلماته
كبير الكبير وكبيرة كبيرا كبيرين
لبنان اللبنانية لبناني اللبنانيين بلبنان للبنان ولبنان
ليبيا الليبيين الليبية بليبيا
لجنة اللجنة للجنة اللجان واللجان
لغة اللغة للغة باللغة لغات لغتهم
لقاء اللقاء لقاءات باللقاء
لاعب اللاعبين لاعبون للاعبين
فلسطين الفلسطينيين فلسطينية وفلسطين بفلسطين
فريق الفريق ففريق للفريق وفريقها
فكرة الفكرة أفكار وفكرتها
فترة الفترات لفترة
بغداد وبغداد ببغداد لبغداد
باكستان الباكستانية وباكستان بباكستان
بيان البيان بيانات ببيان بيانا بياناتهم
بلد بلاد البلدان بلدهم
كثير كثيرا وكثيرون والكثيرة
بعيد بعيدا البعيدة
وجه وجهها ووجهه
يد يدها بيديه اليدين
حق حقهم بحقها
قوة للقوة
نقال النقالة
بيت بيوت البيت بيتها
برنامج برامج البرنامج لبرنامج وبرامجها
بنك بنوك البنك للبنك
سلسلة السلسلة سلاسل بسلسلة
سوريا السورية السوريين وسوريا بسوريا
سكان السكان سكانها السكانية بسكان
سلاح أسلحة السلاح بأسلحتها
سياسة السياسة السياسية السياسيين سياسات
سيارة السيارات سيارته بسياراتهم
سنة السنة سنوات سنتين سنين
والد الوالد والدها والده للوالد
وفد وفود الوفد
وكالة الوكالة وكالات لوكالة
وسيلة وسائل الوسائل بوسائل
وثيقة وثائق الوثائق
وظيفة وظائف الوظائف
وطن الوطن أوطان الوطنية
منشأة المنشآت منشآتنا ومنشآتهم
ضربة ضربات ضرباتها الضربتين
أمريكا أمريكي الأمريكية الأمريكيين الأميركيين أميركا وأمريكا
مسؤول المسؤولين مسؤولون مسؤولة لمسؤول
صاروخ صواريخ الصواريخ والصواريخ صواريخها صاروخي بصاروخ
قذيفة قذائف القذائف والقذائف
قنبلة قنابل بالقنابل
دولة دول الدول دولتين دولية الدولتان
مدينة مدن المدن مدينتهم بمدينة
قوة قوات القوات قواتنا وقوات قوتها بالقوات
جندي جنود الجنود والجنود
قائد قادة القادة
عضو أعضاء أعضائها أعضاؤها الأعضاء
شريك شركاء شركائها الشركاء
حليف حلفاء لحلفائه
هجوم هجمات الهجمات بهجومها
مدرسة مدارس المدارس مدرستهم المدرسية
منطقة مناطق المنطقة مناطقها منطقتنا
مستشفى المستشفى مستشفيات بالمستشفى
جامعة جامعات الجامعات جامعتها بجامعة
شركة شركات الشركات شركتنا
ساجد الساجدين ساجدين وساجدون بساجد
ساحر ساحرين الساحرات وساحر
معلم معلمون المعلمين معلمة معلمات معلموها معلمينا
مهندس مهندسون المهندسين
موظف موظفين موظفو الموظفات
قانون قوانين القانونية بالقانون قانونها
قضية قضايا القضايا
حكومة الحكومة حكومات حكومي وللحكومة
خبر أخبار الأخبار
رئيس الرئيس رؤساء ورئيس لرئيس
طائرة طائرات الطائرات طائرتين
سفينة سفن السفن سفينتان
شهر أشهر شهور الشهر
يوم أيام الأيام بيوم يومين
ساعة ساعات الساعات
رقم أرقام الأرقام
شيء أشياء الأشياء شيئا
جزء أجزاء جزءا الجزئين
حق حقوق الحقوق لحقوق
حياة الحياة حياتهم
قناة قنوات القنوات قناتها
مباراة مباريات المباراة مباراتهم
إيران الإيراني إيرانية الإيرانيين بإيران
تركيا تركي التركية الأتراك
روسيا روسي الروسية الروس
فرنسا فرنسي الفرنسيين الفرنسية
ألمانيا ألماني الألمانية الألمان
مليون ملايين الملايين المليون
اجتماع اجتماعات الاجتماع اجتماعهم
إجراء إجراءات الإجراءات لإجراء
استهدف استهدفت استهدفوا واستهدف
قال قالت قالوا وقال فقالت
يكون سيكون ليكون وسيكون
طالب طلاب طلبة الطلاب
طريق طرق الطرق الطريق
نتيجة نتائج النتائج بنتائجها
التزام الالتزام التزامات التزامها
اقتصاد الاقتصاد اقتصادية والاقتصادي
سعودي السعودية السعوديين
يمن اليمن اليمني اليمنية باليمن
مدير مدراء المدير مديرة
إنسان الناس إنسانية ناس
امرأة نساء النساء
"""


def pairs() -> list[tuple[str, str]]:
    lines = [line.split() for line in MEET.strip().splitlines()]
    return [(word, form) for word, *forms in lines for form in forms]


def test_enough_pairs() -> None:
    assert len(pairs()) >= 150
    assert len(APART.split("\n")) >= 60


@pytest.mark.parametrize(("word", "form"), pairs())
def test_forms_meet(word: str, form: str) -> None:
    assert stemmed(form) == stemmed(word)


APART = """\
وزير زير
ولاية لا
ولاية ولا
والد لد
والدة لدة
وسط سط
وفد فد
وكالة كالة
واحد أحد
وادي ادي
وجه جهة
ورق رق
وقود قود
وطن طن
وصول أصول
كتاب تاب
كتائب تائب
كبير بير
كلب لب
كلام لام
كمال مال
كرسي رسي
كرة رة
كثير ثير
كنيسة نيسة
لبنان لبن
لبنان بنان
لجنة جنة
لحم حم
لسان سان
ليل يل
لغة غة
لقب قب
باكستان أكستان
بغداد غداد
بيان يان
بيت يت
بلاد لاد
بحر حر
بحث حث
برد رد
بصل صل
بطل طل
فريق ريق
فكرة كرة
فلسطين لسطين
فن ن
فيلم يلم
فساد ساد
فرنسا رنسا
سلسلة لسلة
سوريا سور
سكان سك
سلام لام
سيارة يارة
سينما ينما
سيناء ناء
سياسة ياسة
قانون قان
مكان مك
إيران اير
سلطان سلط
ميدان ميد
طيران طير
عنوان عنو
جامعة جامع
شركة شرك
مدرسة مدرس
منطقة منطق
معاهدة معهد
عملية عمل
ألف الفهم
ألمانيا مانيا
التزام تزام
على علم
إلى آلة
ملك ملائكة
علماني علم
حكومة حكم
كتب كتائب
تركيا تركة
جمعية جمعة
فهم هم
دولة دولار
فيديو فيد
سنوات سن"""


@pytest.mark.parametrize("line", APART.splitlines())
def test_words_stay_apart(line: str) -> None:
    one, other = line.split()
    assert stemmed(one) != stemmed(other)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("و", "و"),  # a clitic alone is a word
        ("ال", "ال"),
        ("لا", "لا"),
        ("ولا", "ولا"),  # too short to lose anything
        ("به", "به"),
        ("الله", "الله"),  # no article, although it begins so
        ("لله", "الله"),
        ("ولله", "الله"),
        ("فلله", "الله"),
        ("بالله", "الله"),
        ("تالله", "الله"),
        ("قال", "قال"),  # no article inside
        ("بحق", "بحق"),  # two letters are no stem
        ("أعضاؤها", "عضو"),  # a hamza's seat follows the case, the plural still has its singular
        ("شاطئ", "شاطء"),
        ("شواطئها", "شاطء"),
        ("كوستا", "كوست"),  # a long vowel after the first letter: no clitic
        ("فورد", "فورد"),
        ("بوضوح", "وضوح"),  # but words that begin with و are known
        ("بيوم", "يوم"),
        ("صلاحيتها", "صلاح"),  # ها, ت (a ة), ي
    ],
)
def test_exact_stems(word: str, expected: str) -> None:
    assert stemmed(word) == expected


def test_a_noun_with_ta_marbuta_of_its_own_meets_its_broken_plural() -> None:
    stems = {w: stem_as_written(w, fold_arabic(w)) for w in ("عقيدة", "عقائدهم", "عقيد", "عقداء")}
    assert stems["عقيدة"] == stems["عقائدهم"] != stems["عقيد"] == stems["عقداء"]


def test_lists_are_folded_and_consistent() -> None:
    plurals, kept = read_pairs("plurals.txt"), read_words("endings.txt")
    whole = read_words("whole.txt")
    for word in [*plurals, *plurals.values(), *kept, *whole]:
        assert fold_arabic(word) == fold_seats(word), f"{word} is not folded"
    assert not plurals.keys() & set(plurals.values()), "a lemma is also a form"
    assert not plurals.keys() & kept, "a form is also kept as it is"
    assert len(plurals) >= 300
    assert len(whole) >= 300


def test_listed_forms_reach_their_lemma() -> None:
    plurals = read_pairs("plurals.txt")
    for form, lemma in plurals.items():
        form, lemma = fold_seats(form), fold_seats(lemma)
        assert stem("ال" + form) == stem(form) == stem_of_lemma(lemma)
        if not is_apart(lemma):
            assert stem("ال" + lemma) == stem(lemma) == stem(form)


def test_listed_words_keep_their_first_letter() -> None:
    for word in map(fold_seats, read_words("whole.txt")):
        if len(word) > 3:
            assert stem(word) == stem("ال" + word) == stem("وال" + word), word
