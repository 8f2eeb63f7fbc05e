"""Free text: the words that somebody searches, and the condition that columns contain one."""

import re
from collections.abc import Iterable

from sqlglot import exp

MOST_WORDS = 8


def words(text: str) -> list[str]:
    """Return the words of a text; those in quotation marks belong together."""
    found = (quoted or single for quoted, single in re.findall(r'"([^"]+)"|([^\s"]+)', text))
    return [word.strip() for word in found if word.strip()][:MOST_WORDS]


def somewhere(word: str, columns: Iterable[str]) -> list[exp.Condition]:
    """Return the conditions, one for each column, that it contains the word, in any case."""
    lower = exp.Literal.string(word.lower())
    # Not LIKE: `%` and `_` of a word are letters.
    return [exp.StrPosition(this=exp.Lower(this=exp.column(name)), substr=lower) > 0 for name in columns]
