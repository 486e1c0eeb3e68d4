"""Judge: which records hold an item of a benchmark that the model will be scored on.

Texts are compared as hashed tokens (curation/text.py: words, or single Han characters; case, width and punctuation
folded; thousands separators taken out). A record is contaminated where one of its turns holds
- a whole question (`question_full`): of at least 8 words or 12 Han characters, numbers and single letters apart, anywhere
  in a turn; a shorter one where it is at least two thirds of what a user says; one of hardly any words, as all of it;
- or the record holds at least half of a question's 13-grams (`question_ngram`).
A smaller share is noted as `question_part` and an answer of 30 words or more as `answer`; both are kept, so that the
policy of the cut may decide otherwise by `match` and `overlap`.

A question that belongs to a passage is looked for together with it, a question that more than 10 items ask (or that is
too short) with its options, n-grams that more than 10 items share not at all: templates identify no item.

What it cannot catch: translations and paraphrases; copies with other numbers or names (at most `question_part`); a single
word changed in the middle of a question of less than about 40 tokens; questions of less than 4 tokens, and those asked by
many items, without their options; questions cut over two turns; options in another order, where the question alone is
too general; formulas that differ by their operators only (1+1 and 1-1 are the same tokens); pictures. Traditional and
simplified characters differ. Of two benchmarks that hold the same text, the first by file name is named.

Measured on 59 development benchmarks (98,311 items) and 239,998 instruction records: 30 µs a record of 430 characters;
13 characters find 39 records (mostly LogiQA in C-Eval) that 20 do not; 10 characters instead of 12 as the least length of
a short Chinese question add 14 records, all false ("传染性单核细胞增多症" is an item of C-Eval).
"""

from curation.decontaminate.settings import Settings
from curation.decontaminate.verdict import SCHEMA, inputs, prepare

__all__ = ["SCHEMA", "Settings", "inputs", "prepare"]
