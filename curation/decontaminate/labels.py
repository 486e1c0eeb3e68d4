"""The labels of lists and options, which are no part of a text, in UTF-8 bytes; compiled."""

from __future__ import annotations

import numpy as np

from curation.decontaminate.forms import COMMA, POINT, SPACE, digit, is_letter, is_wide, low
from curation.kernels import inlined, kernel

OPENS, CLOSES, COLON, SQUARE, SQUARE_END = 40, 41, 58, 91, 93
LONGEST_LIST = 20  # a larger number at the head of a line may be the end of a sentence


@kernel
def label(data, at, end, state, numerals):  # type: ignore[no-untyped-def]
    """Return the bytes of a list's or an option's label at `at`, 0 where there is none.

    (1), 1), 1、, (A), [A], A) and A. stand anywhere; at the head of a line 1., 三、, a), A: and A、 too.
    """
    gap, line_start, inside = state
    opened = 0 if inside else _opening(data, at, end)  # f(2) has none
    if not (opened or gap or line_start):
        return 0
    here, lettered = _letter(data, at + opened, end), True
    if here == 0 and not (opened and data[at] == SQUARE):
        here, lettered = _number(data, at + opened, end, line_start, numerals), False
    closing = _closing(data, here, end) if here else 0
    if closing == 0:
        return 0
    here += 1 if data[here] < 128 else 3
    if opened:
        good = closing == (SQUARE_END if data[at] == SQUARE else CLOSES)
    elif lettered:
        good = _is_option(data, (at, here, end), closing, line_start)
    else:
        good = closing in (CLOSES, COMMA) or (closing == POINT and line_start)
    return here - at if good and (lettered or digit(data, here, end) == 0) else 0


@inlined
def _opening(data, at, end):  # type: ignore[no-untyped-def]
    """Return the bytes of ( or [ at `at`."""
    return 1 if data[at] == OPENS or data[at] == SQUARE else (3 if is_wide(data, at, end, 0xBC, 0x88) else 0)


@inlined
def _closing(data, at, end):  # type: ignore[no-untyped-def]
    """Return ), ], ., : or 、 (as a comma) for what closes a label at `at`, of any width; 0 for anything else."""
    if at >= end:
        return 0
    byte = data[at]
    if byte in (CLOSES, SQUARE_END, POINT, COLON):
        return np.int64(byte)
    if byte == 0xE3 and at + 2 < end and data[at + 1] == 0x80:
        return COMMA if data[at + 2] == 0x81 else (POINT if data[at + 2] == 0x82 else 0)
    if is_wide(data, at, end, 0xBC, 0x89):
        return CLOSES
    if is_wide(data, at, end, 0xBC, 0x8E):
        return POINT
    return COLON if is_wide(data, at, end, 0xBC, 0x9A) else 0


@inlined
def _letter(data, at, end):  # type: ignore[no-untyped-def]
    """Return where the letter of an option ends that stands at `at` (A to J, of any width, or Q), 0 where there is none."""
    if at >= end:
        return 0
    letter = data[at] | 32
    if (letter >= 97 and letter <= 106) or data[at] == 81:
        return at + 1
    wide = at + 2 < end and data[at] == 0xEF and data[at + 1] == 0xBC
    return at + 3 if wide and data[at + 2] >= 0xA1 and data[at + 2] <= 0xAA else 0


@inlined
def _number(data, at, end, line_start, numerals):  # type: ignore[no-untyped-def]
    """Return where the number of a list ends that stands at `at`, 0 where there is none."""
    here, count, number = at, 0, 0
    while count < 2:
        width = digit(data, here, end)
        if width:
            number = number * 10 + (data[here + width - 1] & 0x0F)
        if width == 0 and line_start and numerals[low(data, here, end)] >= 0:
            width = 3
        if width == 0:
            break
        here += width
        count += 1
    return here if count and number <= LONGEST_LIST else 0


@inlined
def _is_option(data, place, closing, line_start):  # type: ignore[no-untyped-def]
    """Say whether the letter at place[0], closed before place[1], labels an option: not that of e.g. or (a, b)."""
    at, here, end = place
    if not line_start:
        return closing in (CLOSES, POINT) and data[at] < 97 and here < end and data[here] <= SPACE
    if closing == SQUARE_END:
        return False
    return not (closing == POINT and here + 1 < end and is_letter(data[here]) and data[here + 1] == POINT)
