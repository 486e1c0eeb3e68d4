"""Which language each of a column of texts is in: script rules, then English function words, then fastText."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from curation.language.letters import Letters
from curation.language.scripts import GREEK, HAN, HANGUL, HEBREW, KANA, LATIN, THAI
from curation.language.settings import Settings

UND = "und"
WHOLE = {HANGUL: "ko", THAI: "th", GREEK: "el", HEBREW: "he"}  # scripts that one language writes nearly all of
CHINESE = ("ja", "wuu", "yue", "zh")  # never from fastText: Han and Kana are plain to see
CJK = (HAN, KANA, HANGUL)
CJK_WEIGHT = 2  # one such character says as much as two letters of an alphabet
LIST = 4  # words from which a turn is taken for a list of words rather than a name
GUESSES = 5  # of fastText, among which English may be
HAN_A_WORD = 4  # Han characters that outweigh one English function word, and the two or three words that come with it

Predict = Callable[[list[str], int], tuple[list[list[str]], list[np.ndarray]]]


def decide(found: Letters, names: list[str], settings: Settings, predict: Predict) -> tuple[np.ndarray, np.ndarray]:
    """Return the language of each text (index into names; 0 is und) and how sure it is."""
    codes, probs = _by_script(found, names, settings)
    share = found.english / np.maximum(found.words, 1)
    english = (codes == 0) & (share >= settings.english_share)
    codes[english], probs[english] = names.index("en"), np.minimum(0.5 + share[english], 1)
    count = found.counts[:, 1:].sum(axis=1)
    latin = 2 * found.counts[:, LATIN] > count
    wordy = np.where(latin, found.words >= 2, count >= settings.least_letters)  # the unknowns of a formula are no words
    ask = np.flatnonzero((codes == 0) & wordy)
    if len(ask):
        guess, chance = _ask(found.head.take(pa.array(ask)), names, predict)
        english = names.index("en")
        first, best = guess[:, 0].copy(), chance[:, 0].copy()
        likely = (chance * (guess == english)).max(axis=1)
        listed = (found.words[ask] >= LIST) & (likely * settings.english_prior >= best) & (likely > 0)
        first[listed], best[listed] = english, likely[listed]
        bar = np.where(count[ask] < settings.short_letters, settings.short_sure, settings.sure)
        bar[first == english] = np.where(
            count[ask] < settings.least_letters, settings.sure, np.where(listed, 0, settings.english_sure)
        )[first == english]
        coded = found.code[ask] > count[ask]
        bar[coded] = settings.short_sure  # what is left of code is code, most often
        bar[np.isin(first, [names.index(name) for name in CHINESE])] = 2  # punctuation: the script rules said no
        sure = best >= bar
        codes[ask[sure]], probs[ask[sure]] = first[sure], best[sure]
    return codes, probs


def weight(found: Letters) -> np.ndarray:
    """Return how much each text says in each script (float32[n, len(SCRIPTS)]), in letters of an alphabet."""
    out = found.counts.astype(np.float32)
    out[:, 0] = 0
    out[:, list(CJK)] *= CJK_WEIGHT
    return out


def _by_script(found: Letters, names: list[str], settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Return the language (0: not told) and its share for the texts whose script, or Chinese, decides."""
    share = weight(found)
    share /= np.maximum(share.sum(axis=1), 1)[:, None]
    codes, probs = np.zeros(len(share), np.int16), np.zeros(len(share), np.float32)
    cjk = share[:, HAN] + share[:, KANA]
    kana = share[:, KANA] / np.maximum(cjk, 1e-9)
    han = found.counts[:, HAN]
    framed = (han > 0) & (han >= HAN_A_WORD * found.english)  # Chinese that names English things, or shows code
    chinese = (cjk >= settings.han_share) | framed
    codes[chinese] = names.index("zh")
    codes[chinese & (kana >= settings.kana_share)] = names.index("ja")
    probs[chinese] = np.maximum(cjk[chinese], settings.han_share)
    for script, name in WHOLE.items():
        rule = (codes == 0) & (share[:, script] >= 0.5)
        codes[rule], probs[rule] = names.index(name), share[rule, script]
    return codes, probs


def _ask(texts: pa.LargeStringArray, names: list[str], predict: Predict) -> tuple[np.ndarray, np.ndarray]:
    """Return fastText's first GUESSES for each text (index into names) and their probabilities; und and 0 for none."""
    index = {f"__label__{name}": code for code, name in enumerate(names)}
    labels, chances = predict(texts.to_pylist(), GUESSES)
    guess, chance = np.zeros((len(texts), GUESSES), np.int16), np.zeros((len(texts), GUESSES), np.float32)
    for row, (found, sure) in enumerate(zip(labels, chances, strict=True)):
        guess[row, : len(found)] = [index[label] for label in found]
        chance[row, : len(found)] = sure
    return guess, np.minimum(chance, 1)  # fastText sums to a little over one
