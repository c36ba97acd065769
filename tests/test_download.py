from __future__ import annotations

import hashlib
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpcore
import pytest

from deepseek_ocr_rag.download import display_name, is_public
from deepseek_ocr_rag.errors import CorruptSource, SourceError, SourceTooLarge, UnsupportedSource
from deepseek_ocr_rag.limits import Limits
from deepseek_ocr_rag.source import Source, SourceOptions, resolve

PDF = b"%PDF-1.4\n%%EOF\n"
HOST = "docs.example.test"
INTERNET = SourceOptions(allow_urls=True, limits=Limits(download_seconds=5))
INTRANET = SourceOptions(allow_urls=True, allow_private_addresses=True, limits=Limits(download_seconds=10))
Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Site:
    """A web server on loopback whose pages are functions."""

    port: int
    pages: dict[str, Answer] = field(default_factory=dict)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def url(self, path: str, *, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.seen.append((self.path, dict(self.headers.items())))
            try:
                site.pages[self.path.partition("?")[0]](self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client has seen enough

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Site(port=server.server_address[1])
    server.site = site  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def site(server: ThreadingHTTPServer) -> Site:
    return server.site  # type: ignore[attr-defined, no-any-return]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Hosts and their addresses, asked before the system; an answer with several is given one at a time."""
    known = {HOST: ["127.0.0.1"]}
    real = socket.getaddrinfo

    def lookup(host: str, port: int, *args: object, **options: object) -> object:
        answers = known.get(host)
        if answers is None:
            return real(host, port, *args, **options)  # type: ignore[arg-type]
        address = answers.pop(0) if len(answers) > 1 else answers[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    return known


def body(data: bytes, *, status: int = 200, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def redirect(location: str) -> Answer:
    return body(b"moved", status=302, Location=location)


def get(url: str, tmp_path: Path, options: SourceOptions = INTRANET) -> Source:
    return resolve(url, workspace=tmp_path / "work", options=options)


def refused(url: str, tmp_path: Path, options: SourceOptions = INTRANET) -> SourceError:
    """The error that the URL leads to; nothing may be left in the workspace."""
    with pytest.raises(SourceError) as caught:
        get(url, tmp_path, options)
    assert not list((tmp_path / "work").iterdir())
    assert caught.value.source == display_name(url)
    assert caught.value.hint
    return caught.value


def test_document(tmp_path: Path, site: Site) -> None:
    site.pages["/a/..%2Fpaper%20one.bin"] = body(PDF, Content_Type="text/html")
    source = get(site.url("/a/..%2Fpaper%20one.bin?id=5#page=2"), tmp_path)
    assert source.name == site.url("/a/..%2Fpaper%20one.bin?id=5")
    assert source.file_name == "paper one.bin"
    assert (source.media_type, source.sha256) == ("application/pdf", hashlib.sha256(PDF).hexdigest())
    assert list((tmp_path / "work").iterdir()) == [source.path]
    assert source.path.suffix == ".pdf"
    assert source.path.read_bytes() == PDF


def test_address_without_a_file_name(tmp_path: Path, site: Site) -> None:
    site.pages["/"] = body(PDF)
    assert get(site.url("/"), tmp_path).file_name == "document.pdf"


def test_host_header_is_the_name_and_the_name_is_looked_up_once(
    tmp_path: Path, site: Site, names: dict[str, list[str]]
) -> None:
    names[HOST] = ["127.0.0.1", "192.0.2.1"]
    site.pages["/x.pdf"] = body(PDF)
    get(site.url("/x.pdf", host=HOST), tmp_path)
    assert site.seen[0][1]["Host"] == f"{HOST}:{site.port}"
    assert names[HOST] == ["192.0.2.1"]


def test_redirects_are_followed_and_credentials_stay_at_home(
    tmp_path: Path, site: Site, names: dict[str, list[str]]
) -> None:
    site.pages["/a"] = redirect("b?x=1")
    site.pages["/b"] = redirect(site.url("/c", host=HOST))
    site.pages["/c"] = body(PDF)
    source = get(f"http://user:p%40ss@127.0.0.1:{site.port}/a", tmp_path)
    assert source.name == site.url("/a")
    assert [path for path, _ in site.seen] == ["/a", "/b?x=1", "/c"]
    assert [headers.get("Authorization") for _, headers in site.seen] == ["Basic dXNlcjpwQHNz"] * 2 + [None]


def test_too_many_redirects(tmp_path: Path, site: Site) -> None:
    site.pages["/round"] = redirect("/round")
    assert "redirects more than 5 times" in str(refused(site.url("/round"), tmp_path))
    assert len(site.seen) == 6


def test_redirect_into_the_private_network_is_refused(
    tmp_path: Path, site: Site, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    site.pages["/a"] = redirect("http://169.254.169.254/latest/meta-data")
    # To let the first hop through, the loopback address counts as public here, and no other.
    monkeypatch.setattr("deepseek_ocr_rag.download.is_public", lambda ip: ip == "127.0.0.1" or is_public(ip))
    error = refused(site.url("/a", host=HOST), tmp_path, INTERNET)
    assert isinstance(error, UnsupportedSource)
    assert "private or local network" in str(error)
    assert len(site.seen) == 1


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://example.org/x", "http://[::1"])
def test_redirects_to_other_schemes_are_refused(tmp_path: Path, site: Site, target: str) -> None:
    site.pages["/a"] = redirect(target)
    assert isinstance(refused(site.url("/a"), tmp_path), UnsupportedSource)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "10.0.0.1", "127.1", "0.0.0.0", "0", "127。0。0。1"),
        *("0x7f.1", "0x7f000001", "2130706433", "017700000001"),
        *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]"),
        *("[2002:7f00:1::]", "[fe80::1]", "[fd00:ec2::254]"),
        *("user@127.0.0.1", "example.org:80@127.0.0.1", "example.org%40127.0.0.1@127.0.0.1"),
    ],
)
def test_private_addresses_are_refused_however_written(tmp_path: Path, site: Site, host: str) -> None:
    error = refused(site.url("/x.pdf", host=host), tmp_path, INTERNET)
    assert isinstance(error, UnsupportedSource)
    assert "allow_private_addresses" in error.hint
    assert not site.seen


@pytest.mark.parametrize("host", ["LOCALHOST.", "127.0.0.1.", "0177.0.0.1", "①②⑦.⓪.⓪.①", "127.0.0.1%00.example.org"])
def test_odd_spellings_of_local_hosts_reach_nobody(tmp_path: Path, site: Site, host: str) -> None:
    """Refused as private, as no address at all, or unknown to the system: that differs from one to the other."""
    refused(site.url("/x.pdf", host=host), tmp_path, INTERNET)
    assert not site.seen


@pytest.mark.parametrize(
    "target",
    [
        *("http://169.254.169.254/", "//169.254.169.254/", "http://2852039166/", "http://[::ffff:a9fe:a9fe]/"),
        *("file:///etc/passwd", "FILE:/etc/passwd", "gopher://127.0.0.1/", "dict://127.0.0.1/", "data:,x", "jar:x!/"),
        *("http:/\\169.254.169.254/", "http://public.example.test@169.254.169.254/", "http://\x7f169.254.169.254/"),
    ],
)
def test_redirects_that_would_leave_the_internet(
    tmp_path: Path, site: Site, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """Whatever the redirect says: it leads to no other connection than the first."""
    asked: list[str] = []
    connect = httpcore.SyncBackend.connect_tcp

    def noted(self: httpcore.SyncBackend, host: str, *args: object, **options: object) -> object:
        asked.append(host)
        return connect(self, host, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", noted)
    monkeypatch.setattr("deepseek_ocr_rag.download.is_public", lambda ip: ip == "127.0.0.1" or is_public(ip))
    site.pages["/a"] = redirect(target)
    refused(site.url("/a", host=HOST), tmp_path, INTERNET)
    assert set(asked) == {"127.0.0.1"}
    assert len({path for path, _ in site.seen}) <= 2  # what is no address by itself is a path of the same site


@pytest.mark.parametrize(
    "path", ["/a\r\nX-Evil: 1", "/a%0d%0aX-Evil:%201", "/a HTTP/1.1\r\nHost: evil\r\n\r\nGET /b", "/a?b=\nX-Evil:1"]
)
@pytest.mark.parametrize("user", ["", "user%0d%0aX-Evil:1:pass@", "user:pass%0aX-Evil:1@"])
def test_no_line_of_the_request_comes_from_the_address(tmp_path: Path, site: Site, path: str, user: str) -> None:
    with pytest.raises(SourceError):
        get(f"http://{user}127.0.0.1:{site.port}{path}", tmp_path)
    assert all("X-Evil" not in headers and headers["Host"] != "evil" for _, headers in site.seen)


def test_connection_goes_to_the_address_that_was_checked(
    tmp_path: Path, site: Site, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    names[HOST] = ["93.184.215.14", "127.0.0.1"]  # the second answer is the trap
    asked: list[str] = []

    def connect(self: object, host: str, *args: object, **options: object) -> object:
        asked.append(host)
        raise httpcore.ConnectError("not from here")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    error = refused(site.url("/x.pdf", host=HOST), tmp_path, SourceOptions(allow_urls=True))
    assert "not from here" in str(error)
    assert asked == ["93.184.215.14"]
    assert not site.seen


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("::ffff:93.184.215.14", True),
        ("64:ff9b::5db8:d70e", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fe80::1%1", False),
        ("fec0::1", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("::10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b:1::5db8:d70e", False),
        ("100::1", False),
        ("2001::1", False),
        ("3fff::1", False),
        ("5f00::1", False),
        ("192.0.0.8", False),
        ("192.88.99.1", False),
        ("198.18.0.1", False),
        ("2002:a00:1::", False),
        ("2001:db8::1", False),
    ],
)
def test_public_addresses(address: str, expected: bool) -> None:
    assert is_public(address) is expected


def test_size_limit_by_header_and_by_count(tmp_path: Path, site: Site) -> None:
    sent = threading.Event()

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(1000):
                handler.wfile.write(PDF + bytes(1 << 16))
        finally:
            sent.set()

    site.pages["/counted"] = endless
    site.pages["/announced"] = body(PDF, Content_Length="9999999999")
    options = SourceOptions(allow_urls=True, allow_private_addresses=True, limits=Limits(max_bytes=100_000))
    for path in ("/counted", "/announced"):
        error = refused(site.url(path), tmp_path, options)
        assert isinstance(error, SourceTooLarge)
        assert "max_bytes" in error.hint
    assert sent.wait(10)


@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_slow_server_does_not_outlive_the_deadline(tmp_path: Path, site: Site, part: str) -> None:
    ended = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"\r\n" if part == "body" else b""))
        for _ in range(600):  # each byte comes well before any timeout between two bytes
            if ended.is_set():
                return
            handler.wfile.write(b"X")
            handler.wfile.flush()
            time.sleep(0.1)

    site.pages["/slow.pdf"] = drip
    options = SourceOptions(allow_urls=True, allow_private_addresses=True, limits=Limits(download_seconds=0.5))
    error = refused(site.url("/slow.pdf"), tmp_path, options)
    ended.set()
    assert isinstance(error, CorruptSource)
    assert "within 0.5 seconds" in str(error)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (body(b"gone", status=404), CorruptSource, "status 404"),
        (body(b"", status=304), CorruptSource, "status 304"),
        (body(b"<!doctype html><p>Please log in"), UnsupportedSource, "login page"),
        (body(b""), CorruptSource, "is empty"),
        (body(PDF, Content_Length="1000"), CorruptSource, "could not be downloaded"),
        (body(PDF, Content_Encoding="gzip"), UnsupportedSource, "compressed"),
        (body(PDF, Content_Type="Video/MP4"), UnsupportedSource, "video/mp4, which is no document"),
        (body(PDF, Content_Type="text/css; charset=utf-8"), UnsupportedSource, "no document"),
    ],
)
def test_bad_answers(tmp_path: Path, site: Site, answer: Answer, kind: type[SourceError], words: str) -> None:
    site.pages["/x.pdf"] = answer
    error = refused(site.url("/x.pdf"), tmp_path)
    assert isinstance(error, kind)
    assert words in str(error)


def test_nobody_there(tmp_path: Path, site: Site, server: ThreadingHTTPServer) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = refused(f"http://127.0.0.1:{unused.getsockname()[1]}/x.pdf", tmp_path)
    assert isinstance(error, CorruptSource)
    assert "could not be downloaded" in str(error)
    assert "name was not found" in str(refused("http://a..b/x.pdf", tmp_path))
    assert "not a valid URL" in str(refused("http://127.0.0.1:99999999999999999999/x.pdf", tmp_path))


def test_proxies_of_the_environment_are_not_asked(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    site.pages["/x.pdf"] = body(PDF)
    assert get(site.url("/x.pdf"), tmp_path).media_type == "application/pdf"


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is needed to make a certificate")
def test_certificate_is_checked_against_the_name(
    tmp_path: Path, server: ThreadingHTTPServer, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    make += ["-keyout", str(key), "-out", str(certificate), "-days", "2"]
    make += ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"]
    subprocess.run(make, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda request, client_address: None  # type: ignore[method-assign] # refused handshakes
    site: Site = server.site  # type: ignore[attr-defined]
    site.pages["/x.pdf"] = body(PDF)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    names["other.example.test"] = ["127.0.0.1"]
    assert get(f"https://{HOST}:{site.port}/x.pdf", tmp_path).path.read_bytes() == PDF
    for host in ("other.example.test", "127.0.0.1"):
        with pytest.raises(CorruptSource, match="certificate verify failed"):
            get(f"https://{host}:{site.port}/x.pdf", tmp_path)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://user:secret@example.org/a.pdf", "https://example.org/a.pdf"),
        (
            "https://secret@example.org:8443/a%20b.pdf?page=2&author=x",
            "https://example.org:8443/a%20b.pdf?page=2&author=x",
        ),
        (
            "https://b.example.org/k.pdf?id=1&X-Amz-Signature=secret&access_token=secret&sig=secret#token=secret",
            "https://b.example.org/k.pdf?id=1&X-Amz-Signature=…&access_token=…&sig=…",
        ),
        ("https://user:secret/with@example.org/a.pdf", "https://…"),
        ("https://medium.example.org/@user/a.pdf", "https://medium.example.org/@user/a.pdf"),
    ],
)
def test_names_hold_no_credentials(tmp_path: Path, url: str, name: str) -> None:
    assert display_name(url) == name
    for options in (SourceOptions(), SourceOptions(allow_urls=True, limits=Limits(download_seconds=1e-9))):
        assert "secret" not in str(refused(url, tmp_path, options))
