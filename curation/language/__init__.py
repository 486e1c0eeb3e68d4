"""Judge: which language a record is in, turn by turn, and whether its answers follow the language of the prompt.

Reads `turns`. A turn's language is that of the words that speak: code, formulae, tags, links and tool calls are taken
out, and so is what stands in quotation marks, where something else is left. Then, in this order:
- Han and Kana decide where they make up three tenths of the letters, or outweigh the running English beside them
  (fastText is wrong on short Chinese, and on Chinese that names English things);
- Hangul, Thai, Greek and Hebrew decide where they make up half;
- English function words decide for English, at any length (fastText is wrong on short and terse English);
- lid.176 (https://fasttext.cc/docs/en/language-identification.html) decides the rest.
A turn with too little text to tell (a name, a number, an option's letter, code) is `und`, and agrees with any other.
Drops nothing: which languages are allowed, and whether disagreement counts, is policy.

scripts.py (letters and function words, as tables) · markup.py (what is no prose) · letters.py (one pass over the text) ·
decide.py (which language) · verdict.py (turns to records)
"""

from curation.language.settings import Settings
from curation.language.verdict import SCHEMA, inputs, prepare

__all__ = ["SCHEMA", "Settings", "inputs", "prepare"]
