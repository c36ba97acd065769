"""Fetch a document from the web without becoming somebody's way into the local network.

The host's name is looked up once per connection, the answer is checked, and the connection goes to the checked address
itself, so that a second answer from DNS cannot change its mind in between; Host header and TLS name stay the host's.
Every redirect makes a new connection and so passes the same door. One deadline holds for everything. Proxies from the
environment are not used, because a proxy would do the lookup behind our back.

``httpcore``, which comes with httpx, is used directly, since only it lets the connection be chosen. This module is
imported when the first URL is met.
"""

from __future__ import annotations

import base64
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass

import httpcore
import httpx

from .errors import CorruptSource, SourceTooLarge, UnsupportedSource
from .limits import Limits

_MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(block)
    for block in ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "100::/64", "2001::/23", "3fff::/20", "5f00::/16")
)
"""Blocks of the registries of special addresses that some versions of Python take for public."""

_NO_DOCUMENTS = ("audio/", "video/", "font/", "model/", "multipart/", "text/css", "text/javascript")
"""What servers call things of which no page can be made. Else the content tells the type: servers are often wrong."""

_SECRET = re.compile(
    r"token|secret|signature|passw|credential|api[-_]?key|^(sig|key|auth|authorization|pwd)$|^x-(amz|goog)-",
    re.IGNORECASE,
)
_DOWNLOAD_YOURSELF = "Check the address in a browser, or download the file yourself and pass its path."


def display_name(url: str) -> str:
    """The URL without what must not reach logs and metadata: userinfo, fragment, values of secret parameters."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return url.partition("://")[0] + "://…"  # who knows where the password is in there
    parts = [part.partition("=") for part in parsed.query.decode("ascii").split("&")]
    query = "&".join(name + sign + ("…" if _SECRET.search(name) else value) for name, sign, value in parts)
    path = parsed.raw_path.decode("ascii").partition("?")[0]
    return f"{parsed.scheme}://{parsed.netloc.decode('ascii')}{path}" + (f"?{query}" if query else "")


def url_path(url: str) -> str:
    """The decoded path of the URL, whose last component is what the file is called."""
    try:
        return httpx.URL(url).path
    except httpx.InvalidURL:
        return ""


def fetch(url: str, *, limits: Limits, allow_private_addresses: bool = False) -> Generator[bytes]:
    """Yield the body behind an ``http(s)`` URL, following at most five redirects.

    Args:
        url: The address.
        limits: Its ``max_bytes`` and ``download_seconds`` hold for everything together.
        allow_private_addresses: Whether hosts may be inside private networks.

    Raises:
        UnsupportedSource: Not http(s), no valid URL, a host that is not on the public internet, or sound and the like.
        SourceTooLarge: The body is over ``limits.max_bytes``.
        CorruptSource: No connection, a status other than 200, cut off, or out of time.
    """
    name = display_name(url)
    backend = _CheckedBackend(
        allow_private_addresses=allow_private_addresses,
        deadline=time.monotonic() + limits.download_seconds,
        source=name,
    )
    try:
        yield from _fetch(httpx.URL(url), backend, max_bytes=limits.max_bytes, name=name)
    except httpx.InvalidURL:
        # The cause is left out: it may quote the password.
        raise UnsupportedSource("is not a valid URL.", source=name, hint=_DOWNLOAD_YOURSELF) from None
    except httpcore.TimeoutException as error:
        raise CorruptSource(
            f"was not downloaded within {limits.download_seconds:g} seconds.",
            source=name,
            hint="Raise the limit download_seconds, or download the file yourself and pass its path.",
        ) from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        reason = str(error) or type(error).__name__
        raise CorruptSource(f"could not be downloaded ({reason}).", source=name, hint=_DOWNLOAD_YOURSELF) from error


def _fetch(url: httpx.URL, backend: _CheckedBackend, *, max_bytes: int, name: str) -> Generator[bytes]:
    # Each hop is a connection of its own, so that none is reused that was checked for another name.
    with httpcore.ConnectionPool(
        ssl_context=httpx.create_ssl_context(), network_backend=backend, max_keepalive_connections=0
    ) as pool:
        for _ in range(_MAX_REDIRECTS + 1):
            _check_url(url, name=name)
            with pool.stream("GET", _core_url(url), headers=_headers(url)) as response:
                location = _header(response, b"location")
                if response.status not in _REDIRECTS or not location:
                    yield from _body(response, max_bytes=max_bytes, name=name)
                    return
            url = _redirected(url, location)
    raise CorruptSource(f"redirects more than {_MAX_REDIRECTS} times.", source=name, hint=_DOWNLOAD_YOURSELF)


def _check_url(url: httpx.URL, *, name: str) -> None:
    if url.port is not None and url.port > 65535:
        raise httpx.InvalidURL("no such port")
    if url.scheme not in {"http", "https"} or not url.host:
        raise UnsupportedSource(
            "leads to an address that is not http or https.", source=name, hint="Download the file and pass its path."
        )


def _core_url(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def _headers(url: httpx.URL) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"Host", url.netloc),
        (b"User-Agent", b"deepseek-ocr-rag"),
        (b"Accept", b"*/*"),
        (b"Accept-Encoding", b"identity"),
    ]
    if url.userinfo:
        credentials = f"{url.username}:{url.password}".encode()
        headers.append((b"Authorization", b"Basic " + base64.b64encode(credentials)))
    return headers


def _redirected(url: httpx.URL, location: str) -> httpx.URL:
    """The next URL; credentials go along only to the same place."""
    target = url.join(location).copy_with(username=None, password=None)
    same_place = (target.scheme, target.host, target.port) == (url.scheme, url.host, url.port)
    return target.copy_with(username=url.username, password=url.password) if same_place and url.userinfo else target


def _header(response: httpcore.Response, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), "")


def _body(response: httpcore.Response, *, max_bytes: int, name: str) -> Generator[bytes]:
    if response.status != 200:
        raise CorruptSource(f"was answered with status {response.status}.", source=name, hint=_DOWNLOAD_YOURSELF)
    if _header(response, b"content-encoding").lower() not in {"", "identity"}:
        raise UnsupportedSource("is sent compressed although we asked otherwise.", source=name, hint=_DOWNLOAD_YOURSELF)
    kind = _header(response, b"content-type").strip().lower()
    if kind.startswith(_NO_DOCUMENTS):
        raise UnsupportedSource(f"is sent as {kind[:60]}, which is no document.", source=name, hint=_DOWNLOAD_YOURSELF)
    length = _header(response, b"content-length")
    received = 0
    for chunk in response.iter_stream():
        received += len(chunk)
        if received > max_bytes or (length.isdecimal() and int(length) > max_bytes):
            raise SourceTooLarge(
                f"is larger than {max_bytes:,} bytes.", source=name, hint="Raise the limit max_bytes to accept it."
            )
        yield chunk


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, looking into addresses that carry an IPv4 one."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip.is_site_local:
            return False
    if any(ip in block for block in _NOT_PUBLIC if block.version == ip.version):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_loopback or ip.is_link_local)


@dataclass(frozen=True, slots=True, kw_only=True)
class _CheckedBackend(httpcore.NetworkBackend):
    """Connects only to addresses that were looked up and checked here, and lends streams that know the deadline."""

    allow_private_addresses: bool
    deadline: float
    source: str

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline is what counts
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers."""
        _remaining(self.deadline)  # no lookup when time is up
        failure: httpcore.ConnectError | None = None
        for address in self._addresses(host, port):
            try:
                stream = httpcore.SyncBackend().connect_tcp(
                    address, port, _remaining(self.deadline), local_address, socket_options
                )
            except httpcore.ConnectError as error:
                failure = error
                continue
            return _DeadlineStream(stream=stream, deadline=self.deadline)
        raise failure or httpcore.ConnectError("the host has no address")

    def _addresses(self, host: str, port: int) -> list[str]:
        """The host's addresses, without those inside private networks."""
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"the host's name was not found: {error}") from error
        addresses = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
        if self.allow_private_addresses:
            return addresses
        public = [address for address in addresses if is_public(address)]
        if addresses and not public:
            raise UnsupportedSource(
                "leads to an address inside a private or local network.",
                source=self.source,
                hint="Pass allow_private_addresses=True if documents of your intranet are to be read.",
            )
        return public


@dataclass(frozen=True, slots=True, kw_only=True)
class _DeadlineStream(httpcore.NetworkStream):
    """A stream on which a server that sends a byte a minute does not live for ever."""

    stream: httpcore.NetworkStream
    deadline: float

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - see connect_tcp
        return self.stream.read(max_bytes, _remaining(self.deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - see connect_tcp
        self.stream.write(buffer, _remaining(self.deadline))

    def close(self) -> None:
        self.stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - see connect_tcp
    ) -> httpcore.NetworkStream:
        secured = self.stream.start_tls(ssl_context, server_hostname, _remaining(self.deadline))
        return _DeadlineStream(stream=secured, deadline=self.deadline)

    def get_extra_info(self, info: str) -> object:
        return self.stream.get_extra_info(info)


def _remaining(deadline: float) -> float:
    """Seconds left; httpcore's own error where there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("out of time")
    return left
