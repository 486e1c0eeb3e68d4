"""Judge: what is wrong with a record that a rule can name, in Chinese and in English.

Reads `turns`. `flags` holds every finding; those of DROPS decide keep and reason, in that order, and those of NOTES
only inform: a look at real hits put their precision below .95. A short answer is never a fault: "B" and "42" are
answers. What a user may want to move (length limits, the share of repetition) is an attribute, and policy cuts there.

phrases.py (what gives a fault away) · repetition.py (loops, echoes) · answers.py (findings about an answer and its
prompt) · verdict.py (about whole conversations, and the verdict)
"""

from curation.quality.settings import Settings
from curation.quality.verdict import SCHEMA, inputs, prepare

__all__ = ["SCHEMA", "Settings", "inputs", "prepare"]
