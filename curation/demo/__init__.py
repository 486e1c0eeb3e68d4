"""A small bilingual raw dump that the project makes itself, with the truth about every row: `python -m curation.demo OUT`."""

from curation.demo.generate import Truth, generate

__all__ = ["Truth", "generate"]
