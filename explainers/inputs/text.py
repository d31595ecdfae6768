"""Split text into words, sentences and grapheme clusters."""

import unicodedata
from bisect import bisect_right

import regex

# A word is a Han sign, an emoji, a run of kana, a syllable of Thai, Lao, Khmer or Burmese, a run of letters and digits
# (with - and ' inside, and . and , inside numbers), a run of punctuation, or a run of other signs; never half a
# grapheme cluster (\X). Flags are paired by hand: \X looks back to the first of a run for each, which is quadratic.
FLAG, PICTURE = r"\p{Regional_Indicator}", r"\p{Extended_Pictographic}"
KANA = r"\p{Hiragana}\p{Katakana}ーｰ"
# Scripts without spaces between words, whose words only a dictionary knows (Unicode line break class SA). A syllable is
# a grapheme cluster with the vowel before it, and with what cannot begin another one: vowels and signs after it, a
# consonant after a vowel that needs one (Thai, Lao), a consonant that is marked as final (Burmese, Khmer).
BEFORE = r"[\u0E40-\u0E44\u0EC0-\u0EC4]"
AFTER = (
    r"(?=\p{LB=SA})(?=[\p{M}\u0E30\u0E32\u0E33\u0E45\u0E46\u0EB0\u0EB2\u0EB3\u0EC6])\X"
    r"|(?<=[\u0E31\u0EB1\u0EBB][\u0E48-\u0E4B\u0EC8-\u0ECB]?)(?=[\u0E01-\u0E2E\u0E81-\u0EAE])\X"
    r"|(?=[\u1000-\u1021\u103F]\u1037?\u103A|[\u1780-\u17A2][\u17CB\u17CD])\X"
)
SYLLABLE = rf"(?:{BEFORE}(?=\p{{LB=SA}}))?(?=\p{{LB=SA}})\X(?:{AFTER})*"
LETTERS = rf"[\w--[\p{{Han}}{KANA}\p{{LB=SA}}]]+"
WORD = regex.compile(
    rf"(?V1){FLAG}{{1,2}}[\p{{GCB=Extend}}\p{{GCB=ZWJ}}]*|(?=[\p{{Han}}{PICTURE}])\X|(?:(?=[{KANA}])\X)+|{SYLLABLE}"
    rf"|{LETTERS}(?:(?:['’\-]|(?<=\d)[.,](?=\d)){LETTERS})*"
    rf"|(?:(?=[\p{{P}}--_])\X)+|(?:(?=[^\w\s\p{{P}}{PICTURE}{FLAG}])\X)+"
)
# The end of a sentence: after its last mark and closing brackets or quotes, before a space, which East Asian marks
# do not need.
SENTENCE_END = regex.compile(
    r"(?V1)[\p{Sentence_Terminal}…]+[\p{Pe}\p{Pf}\"']*(?=\s|$)|[\u3002\uff01\uff1f\uff61]+[\p{Pe}\p{Pf}\"']*|\n\s*\n"
)
GRAPHEME = regex.compile(rf"(?V1){FLAG}{{1,2}}[\p{{GCB=Extend}}\p{{GCB=ZWJ}}\p{{GCB=SpacingMark}}]*|\X")
SPACE = "␣"  # shown for a token that contains only whitespace
NO_CONTENT = "PZC"  # first letters of the Unicode categories of punctuation, separators and controls


def find_words(text: str) -> list[tuple[int, int]]:
    """Find the start and end of each word."""
    return [match.span() for match in WORD.finditer(text)]


def find_word_index(words: list[tuple[int, int]], start: int) -> int:
    """Find the index of the first word that ends after the character `start`."""
    return min(bisect_right(words, start, key=lambda word: word[1]), max(len(words) - 1, 0))


def find_sentence_ends(text: str) -> list[int]:
    """Find the end of each sentence that ends with a mark or a blank line, before the space that follows."""
    return [match.end() for match in SENTENCE_END.finditer(text)]


def find_grapheme_starts(text: str) -> list[int]:
    """Find the start of the grapheme cluster of each character, followed by the length of the text."""
    return [*(match.start() for match in GRAPHEME.finditer(text) for _ in range(len(match.group()))), len(text)]


def trim_span(text: str, start: int, end: int) -> tuple[int, int]:
    """Strip whitespace from a token's span; a token of whitespace becomes an empty span before the next character."""
    token = text[start:end]
    if stripped := token.strip():
        start += len(token) - len(token.lstrip())
        return start, start + len(stripped)
    rest = text[start:].lstrip()
    position = len(text) - len(rest) if rest else len(text.rstrip())
    return position, position


def has_content(text: str) -> bool:
    """Return whether the text contains more than punctuation, whitespace and control characters."""
    return any(unicodedata.category(character)[0] not in NO_CONTENT for character in text)
