"""ClickHouse's engine in this process (chdb), behind the two protocols that dlt's clients speak.

Run as a program: it prints the native port and the HTTP port, and ends when its standard input does. The native one is
the protocol of ClickHouse 21.3 (revision 54447 would add fields that nothing here needs), without compression.
"""

import gzip
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, urlsplit

# Settings as text came with it.
REVISION = 54429
# Of the client.
HELLO, QUERY, DATA, PING = 0, 1, 2, 4
# Of the server; both directions have the same numbers for HELLO and PING's answer.
BLOCK, EXCEPTION, PONG, END = 1, 2, 4, 5
# BlockInfo: no overflow, no bucket.
INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"


class Database:
    """The engine. It has one session, so statements run one after the other."""

    def __init__(self, folder: str) -> None:
        from chdb.session import Session

        self._session, self._lock = Session(folder), threading.Lock()
        self._settings: dict[str, str] = {}

    def blocks(self, sql: str, settings: dict[str, str]) -> list[bytes]:
        """Return the result as blocks in the format Native; the first one of a query has its columns and no rows."""
        with self._lock:
            self._set(settings)
            try:
                with self._session.send_query(sql, "Native") as stream:
                    found = [chunk.bytes() for chunk in stream]
                return [self._header(sql), *found]
            except RuntimeError as error:
                if "Streaming query is not supported" not in str(error):
                    raise
                return [one for one in [self._session.query(sql, "Native").bytes()] if one]

    def answer(self, sql: str, settings: dict[str, str]) -> bytes:
        """Return the result in the format that the statement names, else as tabs."""
        with self._lock:
            self._set(settings)
            return bytes(self._session.query(sql, "TabSeparated").bytes())

    def _header(self, sql: str) -> bytes:
        described = self._session.query(f"DESCRIBE ({sql})", "TSVRaw").bytes().decode().splitlines()
        columns = [line.split("\t")[:2] for line in described]
        return number(len(columns)) + number(0) + b"".join(text(one) for column in columns for one in column)

    def _set(self, settings: dict[str, str]) -> None:
        for name, value in settings.items():
            if self._settings.get(name) != value:
                self._session.query(f"SET {name} = '{value}'")
                self._settings[name] = value


def number(value: int) -> bytes:
    """Return a number in the protocol's variable length."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def text(value: str) -> bytes:
    """Return a text with its length."""
    return number(len(value.encode())) + value.encode()


class Incoming:
    """Reads what a client sends."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def bytes(self, length: int) -> bytes:
        read = self._stream.read(length)
        if len(read) < length:
            raise EOFError
        return read

    def number(self) -> int:
        value = shift = 0
        while True:
            [byte] = self.bytes(1)
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def text(self) -> str:
        return self.bytes(self.number()).decode()

    def query(self) -> tuple[str, dict[str, str]]:
        """Return statement and settings of a query packet, and pass by the empty block that follows."""
        self.text()  # id of the query
        self.bytes(1)  # kind
        for _ in range(3):  # first user, query and address
            self.text()
        self.bytes(1)  # interface
        for _ in range(3):  # user, host and name of the client
            self.text()
        for _ in range(3):  # its version and revision
            self.number()
        self.text()  # key of the quota
        self.number()  # patch of the version
        settings = {}
        while name := self.text():
            self.bytes(1)
            settings[name] = self.text()
        self.number()  # stage
        self.number()  # compression
        sql = self.text()
        assert self.number() == DATA
        self.text()
        self.bytes(len(INFO) + 2)
        return sql, settings


class Native(StreamRequestHandler):
    """One connection of clickhouse-driver."""

    database: Database

    def handle(self) -> None:
        incoming = Incoming(self.rfile)
        try:
            while True:
                self.wfile.write(b"".join(self._answer(incoming)))
        except (EOFError, ConnectionError):
            pass

    def _answer(self, incoming: Incoming) -> Iterator[bytes]:
        kind = incoming.number()
        if kind == HELLO:
            incoming.text(), [incoming.number() for _ in range(3)], [incoming.text() for _ in range(3)]
            zone, version = self.database.answer("SELECT timezone(), version()", {}).decode().split()
            major, minor, patch = map(int, version.split(".")[:3])
            yield number(HELLO) + text("ClickHouse") + number(major) + number(minor) + number(REVISION)
            yield text(zone) + text("chdb") + number(patch)
        elif kind == PING:
            yield number(PONG)
        elif kind == QUERY:
            sql, settings = incoming.query()
            try:
                yield from (number(BLOCK) + text("") + INFO + one for one in self.database.blocks(sql, settings))
                yield number(END)
            except RuntimeError as error:
                yield number(EXCEPTION) + code_of(error).to_bytes(4, "little") + text("DB::Exception")
                yield text(re.sub(r"^.*?Code: \d+\. ", "", str(error))) + text("") + b"\x00"
        else:
            raise AssertionError(f"packet {kind}")


class Http(BaseHTTPRequestHandler):
    """One request of clickhouse-connect."""

    protocol_version = "HTTP/1.1"
    database: Database

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) if self._has_length() else self._chunks()
        is_compressed = self.headers.get("Content-Encoding") in ("gzip", "gz")
        self._answer(gzip.decompress(body) if is_compressed else body)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _has_length(self) -> bool:
        return self.headers.get("Transfer-Encoding") != "chunked"

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, body: bytes) -> None:
        asked = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        sql = asked.pop("query", "")
        with tempfile.NamedTemporaryFile() as file:
            insert = re.fullmatch(r"(INSERT INTO .*?)\s+FORMAT (\w+)\s*", sql, re.DOTALL)
            if insert:
                file.write(body)
                file.flush()
                sql = f"{insert[1]} FROM INFILE '{file.name}' COMPRESSION 'none' FORMAT {insert[2]}"
            else:
                sql = "\n".join(part for part in (sql, body.decode()) if part)
            try:
                status, answer = 200, self.database.answer(sql, settings_in(asked))
            except RuntimeError as error:
                status, answer = 500, str(error).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("X-ClickHouse-Summary", "{}")
        if status != 200:
            self.send_header("X-ClickHouse-Exception-Code", str(code_of(RuntimeError(answer.decode()))))
        self.end_headers()
        self.wfile.write(answer)


def settings_in(parameters: dict[str, str]) -> dict[str, str]:
    """Return the settings among the parameters of an address."""
    others = ("database", "session_id", "query_id", "client_protocol_version", "wait_end_of_query", "default_format")
    return {name: value for name, value in parameters.items() if name not in others}


def code_of(error: RuntimeError) -> int:
    """Return the engine's number of an error."""
    found = re.search(r"Code: (\d+)\.", str(error))
    return int(found[1]) if found else 0


def serve(folder: str) -> None:
    """Serve a database `anaplan` in a folder until standard input ends."""
    Native.database = Http.database = Database(folder)
    Native.database.answer("CREATE DATABASE IF NOT EXISTS anaplan", {})
    ThreadingTCPServer.daemon_threads = True
    servers = [ThreadingTCPServer(("127.0.0.1", 0), Native), ThreadingHTTPServer(("127.0.0.1", 0), Http)]
    for one in servers:
        threading.Thread(target=one.serve_forever, daemon=True).start()
    print(*(one.server_address[1] for one in servers), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    serve(str(Path(sys.argv[1])))
