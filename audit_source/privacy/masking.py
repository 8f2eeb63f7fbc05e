"""Hashes or removes names, e-mail addresses and IP addresses before anything is written.

The content of a declared field is known: personal fields are replaced completely; in all others, only e-mail and IP
addresses are replaced. In an undeclared field, every text is replaced unless it has the form of an id. User ids
stay, because they relate the events of one person.

A pseudonym is the HMAC-SHA256 of the normalised text with a secret key. The same person has the same pseudonym in every
table and run. Without the key, nobody can test which name a pseudonym stands for.

`history.py` masks model history, whose cells have headers instead of declared fields.
"""

import json
import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..catalogue import catalogue_rows
from ..errors import ConfigurationError
from ..events.decode import normalise_code
from ..schema import ATTRIBUTE_PREFIX, ATTRIBUTES, EVENTS, TABLES, USERS
from .pseudonyms import Pseudonyms, spelling

KEEP, HASH, DROP = "keep", "hash", "drop"
SHORTEST_KEY = 16

# Declared fields of the API with the name or the address of a person.
PERSONAL = {
    "ipAddress", "targetUserName", "email", "createdBy", "modifiedBy", "triggeredBy", "userName", "displayName",
}  # fmt: skip
# Fields whose digits and dots are never an address.
NO_ADDRESS = {"eventTypeId", "serviceVersion", "checksum", "eventTimeZone", "createdTimeZone"}

_Mask = Callable[[Any], Any]
Mask = Callable[[str, dict[str, Any]], dict[str, Any]]

# Texts that may hold an address, or JSON. Only these are examined one by one.
SUSPICIOUS = r"@|%40|\d\.\d+\.\d+\.\d|:[0-9A-Fa-f]*:|^[\[{]"
# Texts that cannot name a person: Anaplan's ids, and numbers too short for a telephone number.
_ID = re.compile(
    r"[0-9A-Fa-f]{24}|[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|INTERNAL_\d+|con_\w{16}"
    r"|11[2-8]\d{9}|-?\d{1,6}|true|false",
    re.ASCII,
)


def mask_of(privacy: "Privacy | None") -> Mask:
    """Return what masks a record of a table, named first. Without masking, the record stays as it is."""
    return (lambda _, record: record) if privacy is None else privacy.record


def make_privacy(how: str, key: str | None) -> "Privacy | None":
    """Return the masking that the setting `privacy` selects, or None for `keep`.

    Raises:
        ConfigurationError: The setting is unknown, or the key for `hash` is missing or too short.
    """
    if how not in (KEEP, HASH, DROP):
        raise ConfigurationError("setting `privacy`", f"`{how}` is unknown", f"Use {KEEP}, {HASH} or {DROP}.")
    if how == HASH and len(key or "") < SHORTEST_KEY:
        raise ConfigurationError(
            "setting `privacy_key`",
            f"hashing needs a key of {SHORTEST_KEY} characters or more",
            "Make one (openssl rand -hex 32) and keep it under [sources.audit_source] in .dlt/secrets.toml.",
        )
    return None if how == KEEP else Privacy((key or "").encode() if how == HASH else None)


class Privacy:
    """Replaces personal texts by pseudonyms, or removes them if there is no key."""

    def __init__(self, key: bytes | None) -> None:
        pseudonyms = Pseudonyms(key)
        self.pseudonym, self.scrubbed = pseudonyms.pseudonym, pseudonyms.scrubbed
        # Whether personal texts are removed instead of hashed.
        self.removes = key is None
        self._messages, self._about_things = _catalogue()
        self._columns = {column.name: str(column.field) for column in EVENTS.columns if column.field}
        self._columns.update(zip(_attribute_columns(), ATTRIBUTES, strict=True))

    def events(self, table: pa.Table) -> pa.Table:
        """Return a table of events with every personal text replaced."""
        personal = [code not in self._about_things for code in table["event_type_code"].to_pylist()]
        for position, field in enumerate(table.schema):
            column = table.column(position)
            if not pa.types.is_string(field.type) or column.null_count == len(column):
                continue
            table = table.set_column(position, field, self._event_column(field.name, column, personal))
        return table

    def record(self, table_name: str, record: dict[str, Any]) -> dict[str, Any]:
        """Return a record of the directory with every personal text replaced.

        `firstName` holds the pseudonym of a user's full name, since events contain the full name.
        """
        known = _FIELDS[table_name]
        masked: dict[str, Any] = {
            str(self.scrubbed(field)): self._declared(field, value) if field in known else self._unknown(value)
            for field, value in record.items()
        }
        if table_name == USERS.name:
            name = " ".join(str(record[field]) for field in ("firstName", "lastName") if record.get(field))
            masked.update(firstName=self.pseudonym(name) if name else None, lastName=None)
        return masked

    def _event_column(self, name: str, column: pa.ChunkedArray, personal: list[bool]) -> pa.ChunkedArray:
        field = self._columns.get(name, name)
        if name in ("additional_attributes", "raw_record"):
            mask = self._attributes if name == "additional_attributes" else self._event
            texts = zip(column.to_pylist(), personal, strict=True)
            return _array([None if text is None else _dumps(mask(_loads(text), flag)) for text, flag in texts])
        if name == "event_type_code" or field in NO_ADDRESS:
            return column
        if name == f"{ATTRIBUTE_PREFIX}name":
            values = zip(column.to_pylist(), personal, strict=True)
            return _array([self._whole(text) if flag else self.scrubbed(text) for text, flag in values])
        if name == "message":
            return _each(column, self._message)
        if field in PERSONAL:
            return _each(column, self._whole)
        if name not in self._columns:
            return _each(column, self.unknown)
        if not pc.any(pc.match_substring_regex(column, SUSPICIOUS)).as_py():
            return column
        return _each(column, self._declared_text)

    def _event(self, record: Any, personal: bool) -> Any:
        if not isinstance(record, dict):
            return self._unknown(record)
        masked = {}
        for field, value in record.items():
            if field == "additionalAttributes":
                masked[field] = self._attributes(value, personal)
            elif field == "message":
                masked[field] = self._message(value) if isinstance(value, str) else self._unknown(value)
            else:
                known = field in _FIELDS[EVENTS.name]
                masked[self.scrubbed(field)] = self._declared(field, value) if known else self._unknown(value)
        return masked

    def _attributes(self, value: Any, personal: bool) -> Any:
        if not isinstance(value, dict):
            return self._unknown(value)
        masked = {}
        for key, item in value.items():
            if key == "name" and personal:
                masked[key] = self._whole(item)
            elif key in ATTRIBUTES:
                masked[key] = self._declared(key, item)
            else:
                masked[self.scrubbed(key)] = self._unknown(item)
        return masked

    def _declared(self, field: str, value: Any) -> Any:
        if field in PERSONAL:
            return self._whole(value)
        if isinstance(value, str):
            return value if field in NO_ADDRESS else self._declared_text(value)
        if field in _NUMBERS and isinstance(value, (int, float)):
            return value
        return self._unknown(value)

    def _declared_text(self, text: str | None) -> str | None:
        return self.unknown(text) if text and text[0] in "[{" else self.scrubbed(text)

    def unknown(self, text: str | None) -> str | None:
        """Return the masked text of an undeclared field. It may hold JSON."""
        if text and text[0] in "[{":
            parsed = _loads(text)
            return self._whole(text) if isinstance(parsed, str) else _dumps(self._unknown(parsed))
        return text if text is None or _ID.fullmatch(text) else self._whole(text)

    def _unknown(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.unknown(value)
        if isinstance(value, list):
            return [self._unknown(item) for item in value]
        if isinstance(value, dict):
            return {self.scrubbed(key): self._unknown(item) for key, item in value.items()}
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return value if _ID.fullmatch(str(value)) else self._whole(str(value))
        return value

    def _whole(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._whole(item) for item in value]
        if isinstance(value, dict):
            return {self.scrubbed(key): self._whole(item) for key, item in value.items()}
        return value if value is None or value == "" or isinstance(value, bool) else self.pseudonym(str(value))

    def _message(self, text: str | None) -> str | None:
        return text if text is None or spelling(text) in self._messages else self._whole(text)


def _each(column: pa.ChunkedArray, mask: _Mask) -> pa.ChunkedArray:
    """Mask each distinct text once."""
    encoded = column.combine_chunks().dictionary_encode()
    masked = pa.array([mask(text) for text in encoded.dictionary.to_pylist()], pa.string())
    return pa.chunked_array([masked.take(encoded.indices)])


def _array(values: list[Any]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.string())])


def _catalogue() -> tuple[set[str], set[str]]:
    """Return the texts of Anaplan's catalogue, and the codes whose object is never a person."""
    rows = catalogue_rows()
    things = {str(normalise_code(row["event_type_id"])) for row in rows if row["object_kind"] not in ("", "user")}
    return {spelling(row["event_message"]) for row in rows}, things


def _attribute_columns() -> list[str]:
    return [column.name for column in EVENTS.columns if column.name.startswith(ATTRIBUTE_PREFIX)]


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# Sizes, counts and times: never a telephone number.
_NUMBERS = {
    column.field
    for table in TABLES
    for column in table.columns
    if column.field and column.data_type in ("bigint", "double", "date", "timestamp")
}
_FIELDS = {table.name: {column.field for column in table.columns if column.field} for table in TABLES}
