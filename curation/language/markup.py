"""What is no prose: code, LaTeX, tags, links and, where asked, what stands in quotation marks. Compiled, over UTF-8."""

from __future__ import annotations

import numpy as np

from curation.kernels import inlined, kernel

TICK, DOLLAR, BACKSLASH, LESS, MORE, NEWLINE, HASH, SLASH, UNDERSCORE = 96, 36, 92, 60, 62, 10, 35, 47, 95
QUOTE, APOSTROPHE, OPEN, CLOSE, COLON = 34, 39, (40, 91), 41, 58  # " ' ( [ ) :
ENDS = (59, 123, 125)  # ; { }
INDENT = 2  # spaces
BRIEF = 24  # visible bytes of a line that a symbol or a keyword makes code, after other code
DENSE = 18  # a line with a symbol in as many visible bytes, or in fewer, is studded as code is
SYMBOLS = np.zeros(256, np.bool_)
SYMBOLS[np.frombuffer(b"{};=<>_\\&^$@~`", np.uint8)] = True  # rare in prose, dense in code and formulae
MARKS = np.zeros(256, np.bool_)
MARKS[np.frombuffer(b"`$\\<hw\"'\xe2\xe3", np.uint8)] = True  # the bytes that markup and quotations begin with
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing, Knuth 6.4


@inlined
def line_after(data, position, end):  # type: ignore[no-untyped-def]
    """Return the position after the line's end."""
    while position < end and data[position] != NEWLINE:
        position += 1
    return min(position + 1, end)


@kernel
def is_code(data, start, end, tables, after_code):  # type: ignore[no-untyped-def]
    """Say whether a line is code: a comment, or ended or studded as code is, without two English function words.

    `after_code`: the text has had code before: a line that begins with # is a comment and no heading, and one is
    code that is brief and has a symbol or a keyword in front, or that is indented and no item of a list.
    """
    symbols, words = tables
    begin = start
    while start < end and data[start] <= 32:
        start += 1
    if start == end or data[start] >= 128 or data[start] == TICK:
        return False
    first, following = data[start], data[start + 1] if start + 1 < end else 0
    if (first == SLASH and following == SLASH) or (first == HASH and after_code):
        return True
    found, visible, last, ascii_only, lettered = _studs(data, start, end, symbols)
    if first == ENDS[1] and last == ENDS[2]:
        return True  # a JSON object may say anything
    english, keyword = _words(data, start, end, words)
    if last in ENDS:
        return (ascii_only or found >= 3) and english < 2
    if (
        after_code
        and ascii_only
        and english < 2
        and ((keyword and visible <= BRIEF) or (start - begin >= INDENT and is_letter(first)))
    ):
        return True
    found += keyword + (last == COLON and keyword)
    return (
        ascii_only
        and lettered
        and found >= (1 if after_code and visible <= BRIEF else 2)
        and found * DENSE >= visible
        and english < 2
    )


@kernel
def _studs(data, start, end, symbols):  # type: ignore[no-untyped-def]
    """Return a line's symbols, its visible bytes, the last of them, whether all are ASCII, and whether one is a letter.

    Brackets count where they follow a letter, as in a call, = < > where they follow no digit, $ where none follows it: prose and
    sums have them too. Strings count for nothing.
    """
    found, visible, last, called, ascii_only, lettered, position = 0, 0, 0, False, True, False, start
    while position < end:
        byte = data[position]
        after = _string(data, position, end) if byte in (QUOTE, APOSTROPHE, LESS) else position
        if after > position:
            position, last = after, byte
            continue
        if byte > 32:
            call = byte in OPEN and is_letter(last)
            called |= call and byte == OPEN[0]
            sum_sign = (LESS <= byte <= MORE and is_digit(last)) or (
                byte == DOLLAR and position + 1 < end and is_digit(data[position + 1])
            )
            found += (symbols[byte] and not sum_sign) or call
            visible += 1
            last = byte
            lettered |= is_letter(byte)
            ascii_only &= byte < 128 or byte in (0xC2, 0xA0)  # a no-break space indents code at times
        position += 1
    return found + (called and last == CLOSE), visible, last, ascii_only, lettered


@kernel
def _words(data, start, end, words):  # type: ignore[no-untyped-def]
    """Return how many words of a line, strings left out, are English function words, and whether a keyword leads it."""
    total, packed, size, position, keyword = 0, np.uint64(0), 0, start, False
    while position <= end:
        byte = data[position] if position < end else 0
        if is_letter(byte) or byte == UNDERSCORE:
            packed = (packed << np.uint64(8)) | np.uint64(byte | 32)
            size += 1
        else:
            kind = word_kind(packed, words) if 1 < size <= 8 else 0
            total += kind == 1
            keyword |= kind == 2 and position - size == start
            if byte in (QUOTE, APOSTROPHE):
                position = max(position, _string(data, position, end) - 1)
            packed, size = np.uint64(0), 0
        position += 1
    return total, keyword


@inlined
def _string(data, position, end):  # type: ignore[no-untyped-def]
    """Return the position after the string, or the <<sum>> of a calculator, that starts here, else `position`."""
    byte = data[position]
    if byte == LESS:
        if position + 2 < end and data[position + 1] == LESS and 40 <= data[position + 2] <= 57:
            return _after(data, position + 2, end, MORE, 2, position)
        return position
    if position and is_letter(data[position - 1]) and position > 1 and is_letter(data[position - 2]):
        return position  # an apostrophe, or inches; a string has a prefix of one letter at most
    return _after(data, position + 1, end, byte, 1, position)


@inlined
def word_kind(packed, words):  # type: ignore[no-untyped-def]
    """Return the kind of a word by its last 8 bytes, packed big-endian (scripts.word_table): 1 English, 2 a keyword, 3 telling."""
    slot = np.int64((packed * _GOLDEN) >> np.uint64(55))
    while words[slot, 0] != 0 and words[slot, 0] != packed:
        slot = (slot + 1) % len(words)
    return np.int64(words[slot, 1]) if words[slot, 0] == packed else 0


@kernel
def after_markup(data, position, end, line_end):  # type: ignore[no-untyped-def]  # noqa: C901, PLR0911 - a branch a mark
    """Return the position after the code, LaTeX, tag or link that starts here, or `position` where none does."""
    byte = data[position]
    following = data[position + 1] if position + 1 < end else 0
    if byte == TICK:
        if following == TICK and position + 2 < end and data[position + 2] == TICK:
            return _after(data, position + 3, end, TICK, 3, end)
        return _after(data, position + 1, line_end, TICK, 1, position)
    if byte == DOLLAR:
        if following == DOLLAR:
            return _after(data, position + 2, end, DOLLAR, 2, position)
        close = _after(data, position + 1, line_end, DOLLAR, 1, position)
        return close if close > position and _is_formula(data, position + 1, close - 1) else position
    if byte == BACKSLASH:
        if following in (40, 91):  # \( and \[
            return _after_escape(data, position + 2, end, following + (1 if following == 40 else 2), position)
        position += 1
        while position < end and is_letter(data[position]):
            position += 1
        return position
    if byte == LESS and following == LESS:
        return _string(data, position, line_end)
    if byte == LESS and (is_letter(following) or following in (47, 33)):
        return _after(data, position + 1, min(line_end, position + 300), 62, 1, position)
    if byte in (104, 119) and _is_link(data, position, end):
        while position < end and 32 < data[position] < 128:
            position += 1
    return position


@kernel
def after_quote(data, position, line_end):  # type: ignore[no-untyped-def]  # noqa: PLR0911 - a branch a mark
    """Return the position after the quotation or title that starts here and ends on its line, else `position`."""
    if data[position] == QUOTE:
        return _after(data, position + 1, line_end, QUOTE, 1, position)
    if data[position] == APOSTROPHE:
        if position and is_letter(data[position - 1]):
            return position
        close = _after(data, position + 1, line_end, APOSTROPHE, 1, position)
        while close > position and close < line_end and is_letter(data[close]):  # an apostrophe inside
            close = _after(data, close, line_end, APOSTROPHE, 1, position)
        return close
    if position + 2 >= line_end:
        return position
    first, second, third = data[position], data[position + 1], data[position + 2]
    if second != 0x80 or not (
        (first == 0xE2 and third == 0x9C) or (first == 0xE3 and third in (0x8A, 0x8C, 0x8E))  # “ 《 「 『
    ):
        return position
    for at in range(position + 3, line_end - 2):
        if data[at] == first and data[at + 1] == second and data[at + 2] == third + 1:
            return at + 3
    return position


@inlined
def _after(data, position, end, byte, times, otherwise):  # type: ignore[no-untyped-def]
    """Return the position after the next run of `times` bytes, `otherwise` where there is none before `end`."""
    run = 0
    while position < end:
        run = run + 1 if data[position] == byte else 0
        position += 1
        if run == times:
            return position
    return otherwise


@inlined
def _after_escape(data, position, end, byte, otherwise):  # type: ignore[no-untyped-def]
    while position + 1 < end:
        if data[position] == BACKSLASH and data[position + 1] == byte:
            return position + 2
        position += 1
    return otherwise + 2


@inlined
def _is_formula(data, start, end):  # type: ignore[no-untyped-def]
    """Say whether there is more than an amount of money between two dollar signs: a letter alone, or an operator."""
    if end - start <= 2:
        return end > start
    for position in range(start, end):
        byte = data[position]
        if byte in (BACKSLASH, 94, 95, 61, 43, 123, 60, 62):  # \ ^ _ = + { < >
            return True
    return False


@inlined
def _is_link(data, position, end):  # type: ignore[no-untyped-def]
    """Say whether http://, https:// or www. starts here."""
    if position + 7 < end and data[position] == 104 and data[position + 1] == 116 and data[position + 2] == 116:
        return data[position + 4] == 58 or (data[position + 4] == 115 and data[position + 5] == 58)
    return position + 4 < end and data[position] == 119 and data[position + 1] == 119 and data[position + 3] == 46


@inlined
def is_letter(byte):  # type: ignore[no-untyped-def]
    """Say whether a byte is an ASCII letter."""
    return 65 <= byte <= 90 or 97 <= byte <= 122


@inlined
def is_digit(byte):  # type: ignore[no-untyped-def]
    """Say whether a byte is an ASCII digit."""
    return 48 <= byte <= 57
