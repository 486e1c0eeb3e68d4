"""Two answers to one prompt, and a number that says which is better: a preference pair that does not say chosen and rejected."""

from __future__ import annotations

import math
from itertools import product

from curation.ingest.fields import Shape, first, system
from curation.ingest.talks import PROMPTS
from curation.ingest.turns import Fields, exchange, is_talk, led, text, unmarked

STEMS = ("response", "answer", "completion", "output")
LABELS = (("1", "2"), ("_1", "_2"), ("_a", "_b"))
SIGNS = ("overall_preference", "preference_strength", "preference")  # below zero: the first; above: the second


def compared(fields: Fields) -> Shape | None:
    """HelpSteer: prompt or context, response1, response2, and a preference from -3 to 3; the rejected side goes to meta.

    At zero neither is rejected: the first stands, and the other goes to meta as another answer.
    """
    sign = next((fields[n] for n in SIGNS if type(fields.get(n)) in (int, float) and not math.isnan(fields[n])), None)
    names = ((stem + one, stem + two) for stem, (one, two) in product(STEMS, LABELS))
    both = next((n for n in names if all(isinstance(fields.get(side), str) for side in n)), None)
    name = first(fields, PROMPTS) or ("context" if is_talk(fields.get("context")) else None)
    if sign is None or both is None or name is None:
        return None
    better, other = both[::-1] if sign > 0 else both
    said, (opening, used) = fields[name], system(fields)
    turns = opening + (exchange(said)[0] if is_talk(said) else led(text(said)))
    extra = {"rejected": fields[other]} if sign else {f"other_{better}": [fields[other]]}
    return Shape([*turns, ("assistant", unmarked(fields[better]))], used | {name, *both}, extra)
