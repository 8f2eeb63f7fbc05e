"""Pseudonyms for names and addresses, and the patterns that find such addresses in a text."""

import hashlib
import hmac
import ipaddress
import re
import unicodedata
from functools import lru_cache

TOKEN_DIGITS = 20
REMOVED = "[removed]"

_EMAIL = re.compile(r"""(?:"[^"@]+"|[^\s@<>"'(),;:\[\]{}\\/=]+)(?:@|%40)[^\s@<>"'(),;:\[\]{}\\/=&?#]*[\w\]]""")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])")
# Not after a word and a slash: that is the version of a program.
_IPV4 = re.compile(r"(?<![\w.])(?<!\w/)(?:\d{1,3}\.){3}\d{1,3}(?!\w)(?!\.\d)")


class Tokens:
    """Replaces names, e-mail and IP addresses by tokens under a secret key, or removes them if there is no key."""

    def __init__(self, key: bytes | None) -> None:
        self._key = key
        # Few distinct texts make up most of a log.
        self.token = lru_cache(100_000)(self._token)
        self.scrubbed = lru_cache(100_000)(self._scrubbed)

    def _token(self, text: str) -> str | None:
        if self._key is None:
            return None
        one_spelling = spelling(text)
        kind = "ip" if _is_address(one_spelling) else "email" if "@" in one_spelling else "name"
        return f"{kind}_{hmac.digest(self._key, one_spelling.encode(), hashlib.sha256).hex()[:TOKEN_DIGITS]}"

    def _scrubbed(self, text: str | None) -> str | None:
        """Return the text with every e-mail and IP address replaced."""
        if text is None:
            return None

        def instead(found: "re.Match[str]") -> str:
            return self.token(found.group().replace("%40", "@")) or REMOVED

        def if_address(found: "re.Match[str]") -> str:
            return instead(found) if _is_address(found.group()) else found.group()

        return _IPV4.sub(instead, _IPV6.sub(if_address, _EMAIL.sub(instead, text)))


def spelling(text: str) -> str:
    """Return one spelling for every way to write a name."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
