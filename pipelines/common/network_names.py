"""The user's list of networks: a CSV file that gives a name and a country to ranges of addresses (CIDR)."""

import csv
import hashlib
import os
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any, NamedTuple

import dlt

from .exit_codes import CONFIGURATION, PipelineError
from .names import ENRICH_NAME

SETTING = f"pipelines.{ENRICH_NAME}.network_names"
USUAL_FILE = "network_names.csv"
HEADER = ["cidr", "network_name", "country"]


class Network(NamedTuple):
    """A line of the file."""

    cidr: str
    network_name: str
    country: str | None


class Networks:
    """All networks of the file. The smallest network that holds an address names it."""

    def __init__(self, lines: Iterable[Network] = ()) -> None:
        self._found = {_key(ip_network(one.cidr)): one for one in lines}
        # The lengths of prefixes that occur for each version of IP, the longest first.
        sizes = {(version, length) for version, length, _ in self._found}
        self._lengths = {v: sorted((length for one, length in sizes if one == v), reverse=True) for v in (4, 6)}
        self.version = hashlib.sha256(repr(sorted(self._found.values(), key=str)).encode()).hexdigest()[:16]

    def __len__(self) -> int:
        return len(self._found)

    def of(self, address: str) -> Network | None:
        """Return the network of an address; None if no network holds it, or if it is none, such as a masked one."""
        try:
            parsed = _unmapped(ip_address(address.strip()))
        except ValueError:
            return None
        number, bits = int(parsed), parsed.max_prefixlen
        for length in self._lengths[parsed.version]:
            found = self._found.get((parsed.version, length, number >> (bits - length)))
            if found:
                return found
        return None


def read_networks() -> Networks:
    """Return the networks of the user's file, none without a file.

    Raises:
        PipelineError: The file is missing although a setting names it, or a line is invalid.
    """
    path = network_file()
    return Networks() if path is None else Networks(_lines(path))


def network_file() -> Path | None:
    """Return the path of the file; None if no setting names one and the usual one does not exist.

    Raises:
        PipelineError: The setting names no file.
    """
    value: Any = dlt.config.get(SETTING)
    path = Path(str(value) if value else os.path.join(dlt.current.run_context().settings_dir, USUAL_FILE))
    if path.is_file():
        return path
    if value:
        hint = f"Create it, with the header {','.join(HEADER)}, or remove the setting."
        raise PipelineError(CONFIGURATION, f"setting `network_names`: there is no file `{value}`. {hint}")
    return None


def _lines(path: Path) -> Iterator[Network]:
    known: dict[tuple[int, int, int], int] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            if [name.strip() for name in next(reader, [])] != HEADER:
                raise _invalid(path, 1, f"the header has to be {','.join(HEADER)}")
            for fields in reader:
                if not any(field.strip() for field in fields):
                    continue
                network = _network(path, reader.line_num, fields)
                first = known.setdefault(_key(ip_network(network.cidr)), reader.line_num)
                if first != reader.line_num:
                    raise _invalid(path, reader.line_num, f"`{network.cidr}` is in line {first}, too. Keep one of them")
                yield network
    except UnicodeDecodeError as error:
        raise PipelineError(CONFIGURATION, f"{path}: not UTF-8. Save it as UTF-8.") from error
    except csv.Error as error:
        raise _invalid(path, reader.line_num, f"not valid CSV ({error})") from error


def _network(path: Path, line: int, fields: list[str]) -> Network:
    if len(fields) != len(HEADER):
        raise _invalid(path, line, f"{len(fields)} fields instead of {len(HEADER)} ({','.join(HEADER)})")
    cidr, name, country = (field.strip() for field in fields)
    try:
        network = ip_network(cidr)
    except ValueError as error:
        raise _invalid(path, line, f"`{cidr}` is not a network. {_advice(cidr)}") from error
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped:
        raise _invalid(path, line, f"`{cidr}` is a range of IPv4 addresses. Write it as IPv4")
    if not name:
        raise _invalid(path, line, f"`{cidr}` has no network_name")
    return Network(str(network), name, country or None)


def _advice(cidr: str) -> str:
    try:
        return f"Did you mean `{ip_network(cidr, strict=False)}`?"
    except ValueError:
        return "Write it as 192.0.2.0/24 or 2001:db8::/32"


def _invalid(path: Path, line: int, reason: str) -> PipelineError:
    end = "" if reason.endswith("?") else "."
    return PipelineError(CONFIGURATION, f"{path}, line {line}: {reason}{end}")


def _key(network: Any) -> tuple[int, int, int]:
    bits = network.max_prefixlen - network.prefixlen
    return network.version, network.prefixlen, int(network.network_address) >> bits


def _unmapped(address: "IPv4Address | IPv6Address") -> "IPv4Address | IPv6Address":
    """Return an IPv4 address that is written as IPv6, `::ffff:192.0.2.1`, as IPv4."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
