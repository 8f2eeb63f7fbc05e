"""Pseudonyms for names, e-mail and IP addresses, and the patterns that find such addresses in a text."""

import hashlib
import hmac
import ipaddress
import re
import unicodedata
from functools import lru_cache

PSEUDONYM_DIGITS = 20
REMOVED = "[removed]"

_EMAIL = re.compile(r"""(?:"[^"@]+"|[^\s@<>"'(),;:\[\]{}\\/=]+)(?:@|%40)[^\s@<>"'(),;:\[\]{}\\/=&?#]*[\w\]]""")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])")
# Not after a word and a slash: that is a program version (`Client/1.2.3.4`).
_IPV4 = re.compile(r"(?<![\w.])(?<!\w/)(?:\d{1,3}\.){3}\d{1,3}(?!\w)(?!\.\d)")


class Pseudonyms:
    """Replaces names, e-mail and IP addresses by pseudonyms made with a secret key. Without a key, it removes them."""

    def __init__(self, key: bytes | None) -> None:
        self._key = key
        # A log repeats few distinct texts.
        self.pseudonym = lru_cache(100_000)(self._pseudonym)
        self.scrubbed = lru_cache(100_000)(self._scrubbed)

    def _pseudonym(self, text: str) -> str | None:
        if self._key is None:
            return None
        normalised = spelling(text)
        kind = "ip" if _is_ip_address(normalised) else "email" if "@" in normalised else "name"
        return f"{kind}_{hmac.digest(self._key, normalised.encode(), hashlib.sha256).hex()[:PSEUDONYM_DIGITS]}"

    def _scrubbed(self, text: str | None) -> str | None:
        """Return the text with every e-mail and IP address replaced."""
        if text is None:
            return None

        def replacement(found: "re.Match[str]") -> str:
            return self.pseudonym(found.group().replace("%40", "@")) or REMOVED

        def if_ip_address(found: "re.Match[str]") -> str:
            return replacement(found) if _is_ip_address(found.group()) else found.group()

        return _IPV4.sub(replacement, _IPV6.sub(if_ip_address, _EMAIL.sub(replacement, text)))


def spelling(text: str) -> str:
    """Return a normal form, so that case, spacing and Unicode variants of a name are equal."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _is_ip_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
