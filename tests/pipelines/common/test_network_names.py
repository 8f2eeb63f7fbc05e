"""The user's list of networks: what names an address, and the line of a mistake."""

from pathlib import Path

import pytest

from pipelines.common.exit_codes import CONFIGURATION, PipelineError
from pipelines.common.network_names import HEADER, read_networks
from tests.support.network_list import SETTING, write_list

EXAMPLE = Path(__file__).parents[3] / ".dlt" / "network_names.csv.example"

LINES = """
10.0.0.0/8,Offices,Germany
10.1.0.0/16,Lyon,France
10.1.2.3,Gateway,
2001:db8::/32,Offices v6,Germany
2001:DB8:1::/48,"Lyon, v6",France
"""


@pytest.mark.parametrize(
    ("address", "name", "country"),
    [
        ("10.0.0.1", "Offices", "Germany"),
        ("10.255.255.255", "Offices", "Germany"),
        ("10.1.2.4", "Lyon", "France"),
        ("10.1.2.3", "Gateway", None),
        ("::ffff:10.1.2.4", "Lyon", "France"),
        ("2001:db8::1", "Offices v6", "Germany"),
        ("2001:0DB8:0001:0000::1", "Lyon, v6", "France"),
    ],
)
def test_the_smallest_network_names_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, name: str, country: str | None
) -> None:
    write_list(tmp_path, monkeypatch, LINES)
    found = read_networks().of(address)
    assert found is not None
    assert found[1:] == (name, country)


@pytest.mark.parametrize(
    "address", ["11.0.0.0", "9.255.255.255", "2001:db9::", "a-pseudonym", "", "10.0.0.1, 10.0.0.2"]
)
def test_other_addresses_have_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    write_list(tmp_path, monkeypatch, LINES)
    assert read_networks().of(address) is None


@pytest.mark.parametrize(
    ("lines", "line", "reason"),
    [
        ("10.0.0.1/8,a,b", 2, "`10.0.0.1/8` is not a network. Did you mean `10.0.0.0/8`?"),
        ("10.0.0.0/8,a,b\n10.0.0/8,a,b", 3, "Write it as 192.0.2.0/24 or 2001:db8::/32."),
        ("2001:db8::/129,a,b", 2, "`2001:db8::/129` is not a network."),
        ("::ffff:10.0.0.0/104,a,b", 2, "Write it as IPv4."),
        ("10.0.0.0/8,a,b\n\n10.0.0.0/8,c,d", 4, "`10.0.0.0/8` is in line 2, too."),
        ("10.0.0.0/8,,b", 2, "has no network_name."),
        ("10.0.0.0/8,a", 2, "2 fields instead of 3"),
        ('10.0.0.0/8,"a,b', 2, "not valid CSV"),
    ],
)
def test_a_mistake_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, line: int, reason: str
) -> None:
    path = write_list(tmp_path, monkeypatch, lines)
    with pytest.raises(PipelineError) as caught:
        read_networks()
    assert caught.value.code == CONFIGURATION
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert reason in str(caught.value)


def test_a_wrong_header_and_another_encoding_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_list(tmp_path, monkeypatch, "")
    path.write_text("network,name\n10.0.0.0/8,a\n", encoding="utf-8")
    with pytest.raises(PipelineError, match=f"line 1: the header has to be {','.join(HEADER)}"):
        read_networks()
    path.write_bytes(b"cidr,network_name,country\n10.0.0.0/8,M\xfcnchen,Germany\n")
    with pytest.raises(PipelineError, match="not UTF-8"):
        read_networks()


def test_a_byte_order_mark_of_a_spreadsheet_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_list(tmp_path, monkeypatch, "10.0.0.0/8,Offices,Germany")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(read_networks()) == 1


def test_the_example_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, str(EXAMPLE))
    assert len(read_networks()) == 5


def test_a_file_that_a_setting_names_has_to_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert not read_networks()
    monkeypatch.setenv(SETTING, "missing.csv")
    with pytest.raises(PipelineError, match=r"`network_names`: there is no file `missing\.csv`"):
        read_networks()
