"""Judge: which records hold an item of a benchmark that the model will be scored on.

Texts are compared as folded tokens (fold.py: words, or single Han characters; case, width, punctuation, the labels of
lists and options, and the way numbers are written do not count). How telling a text is, is measured in bits (rarity.py): words of a template
that many items share carry next to none. A record is contaminated where one of its turns holds
- a whole question (`question_full`): of 90 bits anywhere, of 22 as a sentence of its own (of 3 tokens: of a user's), of 11
  as all that a user says; with its options, or else its answer, of 36 as a sentence and of 90 anywhere;
- a near copy (`question_near`): 85% of the bits of a question (45 or more; or of it with its options, in any order), nine
  tenths of its numbers, no more than one token in eight altered; one of less than 90 bits as a sentence of its own.
Matches that do not drop a record are noted: a smaller share, from 70%, or other numbers, as `question_part`; an answer of
30 tokens or more as `answer`. The policy of the cut may decide otherwise by `match` and `overlap`.

What it cannot catch: translations and paraphrases; copies with other numbers or names (at most `question_part`); questions
of less than 3 tokens without their options, and of 3 unless they are a sentence of a user's and of 22 bits; items of few
bits (truth values, sums of small numbers) unless a user asks just that; an item cut over two turns; formulas that differ by their operators only are the same tokens; pictures.
Traditional and simplified characters differ. A near copy of a short question in which a telling word was exchanged is
another question ("copper" for "iron"), and is kept where that word has 15% of the bits: of edited copies of at most 8 words
two in five are found. A question whose passage is a benchmark's is a near copy, whatever it asks.

Measured on 59 development benchmarks (98,311 items) and 238,296 instruction records: 27 µs of CPU a record of
500 bytes in English and 47 µs in Chinese, 12,845 records contaminated; one of 49,599 records of sources that are clean by inspection, truly so. docs/BENCHMARKS.md has
the recall on planted copies.
"""

from curation.decontaminate.settings import Settings
from curation.decontaminate.verdict import SCHEMA, inputs, prepare

__all__ = ["SCHEMA", "Settings", "inputs", "prepare"]
