"""Writes one verdict a record: its turns' languages, what most of its answers are in, and whether they agree."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.identity import file_digest
from curation.judge import VERDICT
from curation.kernels import maker
from curation.language.decide import UND, WHOLE, decide, weight
from curation.language.letters import Letters, letters
from curation.language.scripts import SCRIPTS
from curation.language.settings import Settings, model_path
from curation.record import Turns, flat_turns

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
        codes, probs = decide(found, names, settings, model.predict)
        return _verdicts(records["id"].combine_chunks(), turns, found, (names, codes, probs))

    return judge


def _verdicts(
    ids: pa.Array, turns: Turns, found: Letters, decided: tuple[list[str], np.ndarray, np.ndarray]
) -> pa.Table:
    names, codes, probs = decided
    length = weight(found).sum(axis=1)
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


@maker
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


@maker
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
