"""Which script a letter is of, which characters one variant of Chinese alone has, and which words only English has."""

from __future__ import annotations

from functools import cache

import numpy as np

# ISO 15924 names; the index is the column of Letters.counts. Column 0 counts what is no letter.
SCRIPTS = ("Zyyy", "Latn", "Hani", "Kana", "Hang", "Cyrl", "Arab", "Hebr", "Grek", "Thai", "Deva", "Zzzz")
LATIN, HAN, KANA, HANGUL, HEBREW, GREEK, THAI = 1, 2, 3, 4, 7, 8, 9
BLOCKS = (  # first and last code point, script: Unicode 16
    (0x41, 0x5A, 1), (0x61, 0x7A, 1), (0xC0, 0xD6, 1), (0xD8, 0xF6, 1), (0xF8, 0x24F, 1), (0x1E00, 0x1EFF, 1),
    (0x370, 0x3FF, 8), (0x1F00, 0x1FFF, 8), (0x400, 0x52F, 5), (0x531, 0x58F, 11), (0x591, 0x5FF, 7),
    (0x620, 0x6FF, 6), (0x750, 0x77F, 6), (0xFB50, 0xFDFF, 6), (0xFE70, 0xFEFC, 6), (0x700, 0x74F, 11),
    (0x900, 0x97F, 10), (0x980, 0xDFF, 11), (0xE00, 0xE7F, 9), (0xE80, 0x10FF, 11), (0x1100, 0x11FF, 4),
    (0x1200, 0x1DBF, 11), (0x3041, 0x309F, 3), (0x30A1, 0x30FA, 3), (0x3131, 0x318E, 4), (0xAC00, 0xD7A3, 4),
    (0x3400, 0x4DBF, 2), (0x4E00, 0x9FFF, 2), (0xF900, 0xFAFF, 2), (0xFF21, 0xFF3A, 1), (0xFF41, 0xFF5A, 1),
    (0xFF66, 0xFF9D, 3),
)  # fmt: skip
HANS, HANT = 64, 128  # flags beside the script number in the table
GB_COMMON = (0xB0A1, 0xD7F9)  # level 1 of GB 2312: the 3,755 common characters of simplified Chinese
BIG5_COMMON = (0xA440, 0xC67E)  # level 1 of Big5: the 5,401 common characters of traditional Chinese

SIMPLIFIED = "么儿愿"  # simplified alone in use, though Big5 counts their older readings as common

# About a quarter of the words of running English. Left out: words that other languages write alike (a, in, on, an, as, was,
# am, me, no) and keywords of programming languages (for, if, and, with, from, this, where), since code is not English.
ENGLISH = (
    "the of to is are were be been has had have will would should could can does did you your he she it its they "
    "their them there these those that which what who whom whose how why when because about into some any each more "
    "than but our us my such please most other do not"
).split()
# Words of instructions, sums and lists, which run on without function words: "Solve x + 3 = 5", "Total: 350+400". Programs
# name things by them, so they do not tell prose from code.
TELLING = (
    "write solve evaluate simplify compute explain describe suggest rewrite convert provide generate identify compare "
    "calculate translate determine recognize classify "
    "complete answer sentence minus times equals divided number numbers word words between "
    "first second third year years month months week weeks hours people water food also only just like make "
    "used using need many much one two three four five six seven eight nine ten every both after before under over"
).split()
KEYWORDS = (  # that lead a line of code
    "def return import from class for while if elif else try except print const let var public private static void int "
    "select insert update function"
).split()
SLOTS = 512  # of the hash table of all three


@cache
def script_table() -> np.ndarray:
    """Return the script number of each code point below 65536, with HANS or HANT where one variant alone has it.

    Simplified alone: common in GB 2312 and not in Big5, or not common there (Big5 holds 与 and 据 as rarities).
    Traditional alone: common in Big5 and not in GB 2312.
    """
    table = np.zeros(0x10000, np.uint8)
    for first, last, script in BLOCKS:
        table[first : last + 1] = script
    for point in range(0x4E00, 0xA000):
        simplified, traditional = _encoded(chr(point), "gb2312"), _encoded(chr(point), "big5")
        common = GB_COMMON[0] <= simplified <= GB_COMMON[1]
        if (
            chr(point) in SIMPLIFIED
            or (simplified and not traditional)
            or (common and not BIG5_COMMON[0] <= traditional <= BIG5_COMMON[1])
        ):
            table[point] |= HANS
        elif not simplified and BIG5_COMMON[0] <= traditional <= BIG5_COMMON[1]:
            table[point] |= HANT
    return table


def _encoded(character: str, encoding: str) -> int:
    return int.from_bytes(character.encode(encoding, "ignore"))


@cache
def word_table() -> np.ndarray:
    """Return ENGLISH (kind 1), KEYWORDS (2) and TELLING (3) as an open-addressed hash table, uint64[SLOTS, 2]: packed, kind."""
    table = np.zeros((SLOTS, 2), np.uint64)
    for kind, words in enumerate((ENGLISH, KEYWORDS, TELLING), 1):
        _put(table, words, kind)
    return table


def _put(table: np.ndarray, words: list[str], kind: int) -> None:
    for word in words:
        packed = int.from_bytes(word[-8:].encode())  # its last 8 letters; longer ones are TELLING
        slot = packed * 0x9E3779B97F4A7C15 % (1 << 64) >> 55
        while table[slot, 0]:
            slot = (slot + 1) % SLOTS
        table[slot] = packed, kind
