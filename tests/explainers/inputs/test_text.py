"""Words of scripts that write no spaces between them are syllables, made of whole grapheme clusters."""

import pytest
import regex

from explainers import Bundle, Request, explain
from explainers.inputs.text import find_words
from tests.support.tiny import tiny

TEXTS = {
    "Thai": "หนังเรื่องนี้สนุกมากแต่ยาวไป เพราะน้ำใจ 2566 OKครับ",
    "Lao": "ຂ້ອຍມັກຮູບເງົານີ້",
    "Khmer": "ខ្ញុំស្រលាញ់ភាពយន្តនេះ",
    "Burmese": "ဒီရုပ်ရှင်ကိုကြိုက်တယ် ကျွန်ုပ်",
    "Tai Le": "ᥖᥭᥰ",
}


def words(text):
    return [text[start:end] for start, end in find_words(text)]


def test_burmese_is_split_by_its_own_rule_of_final_consonants():
    assert words("ဒီရုပ်ရှင်ကိုကြိုက်တယ်") == ["ဒီ", "ရုပ်", "ရှင်", "ကို", "ကြိုက်", "တယ်"]


def test_vowels_before_and_after_a_consonant_stay_with_it():
    assert words("ไปน้ำใจแต่") == ["ไป", "น้ำ", "ใจ", "แต่"]
    assert words("ມັກເງົານີ້") == ["ມັກ", "ເງົາ", "ນີ້"]
    assert words("ស្រលាញ់") == ["ស្រ", "លាញ់"]


@pytest.mark.parametrize("name", TEXTS)
def test_words_are_whole_grapheme_clusters_and_cover_the_text(name):
    text = TEXTS[name]
    spans = find_words(text)
    edges = {match.start() for match in regex.finditer(r"\X", text)} | {len(text)}
    assert {place for span in spans for place in span} <= edges
    assert "".join(words(text)) == "".join(text.split())
    assert len(spans) > len(text.split())


def test_words_of_other_scripts_are_what_they_were():
    text = "I love don't 3.14, 好的ひらがな हिन्दी Ελλ"
    assert words(text) == ["I", "love", "don't", "3.14", ",", "好", "的", "ひらがな", "हिन्दी", "Ελλ"]


@pytest.mark.parametrize("name", ["Thai", "Lao", "Khmer", "Burmese"])
def test_a_map_by_word_has_several_scores(name):
    request = Request("text_classification", "x", {"text": TEXTS[name]}, "occlusion")
    found = explain(request, bundle=Bundle.of(*tiny("roberta"))).by_word()
    assert len({round(float(score), 6) for score in found.scores[0]}) > len(TEXTS[name].split()) + 2
