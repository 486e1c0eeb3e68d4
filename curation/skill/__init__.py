"""Judge: which of twelve skills a record exercises, by rules over its text and its shape, and by a model where one is set.

Reads `turns` and `meta`; writes every skill found and the primary one, the first in the order of SKILLS: shape that
nothing else has (tools, a role, length, turns) goes before subject, and subject before the kind of request. The model, a
fastText classifier that `python -m curation.classifier skill` trains on sources of known skill, adds to what the rules
found, and only for skills and from probabilities for which it was right on sources it had not seen; length, turns
and translation stay with the rules. Drops nothing.
"""

from curation.skill.verdict import SCHEMA, SKILLS, Settings, inputs, prepare

__all__ = ["SCHEMA", "SKILLS", "Settings", "inputs", "prepare"]
