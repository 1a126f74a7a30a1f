"""The router's connections to the variants of a model."""

from __future__ import annotations

from collections.abc import Iterable

import aiohttp
from yarl import URL

MAX_HEADER = 64 * 2**10  # bytes of a line in the head of an answer

Header = tuple[bytes, bytes]


class Connections:
    """HTTP connections that are kept, and that send what they are given without adding to it.

    A header that is not UTF-8 is read as Latin-1 and sent in UTF-8. An answer may have 128 headers.

    Examples
    --------
    >>> import asyncio
    >>> async def ask():
    ...     connections = Connections()
    ...     try:
    ...         return await connections.send("GET", "http://127.0.0.1:1", "/", "", [], b"")
    ...     finally:
    ...         await connections.close()
    >>> asyncio.run(ask())  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ConnectionError: ClientConnectorError: Cannot connect to host 127.0.0.1:1 ...
    """

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None  # made within the event loop

    async def send(
        self,
        method: str,
        base: str,
        path: str,
        query: str,
        headers: Iterable[Header],
        body: bytes,
    ) -> tuple[int, Iterable[Header], bytes]:
        """Send a request, once more if its connection ends before the answer.

        A server may close an idle connection at the moment in which it is used again. Predictions
        can be repeated: they change nothing.

        Parameters
        ----------
        method, path, query : str
            As they stand in the request; `path` and `query` stay as they are.
        base : str
            URL of the server. Its own path comes before `path`.
        headers : iterable of (bytes, bytes)
            Names and values.
        body : bytes
            Content, which may be empty.

        Returns
        -------
        (int, iterable of (bytes, bytes), bytes)
            Status, headers and body of the answer; a body that is compressed stays so.

        Raises
        ------
        ConnectionError
            If there is no answer, or none that is HTTP.
        """
        if self._session is None:
            self._session = _session()
        to = URL(base)
        url = URL.build(
            scheme=to.scheme,
            authority=to.raw_authority.rpartition("@")[2],  # a user's name is not sent
            path=to.raw_path.rstrip("/") + path,
            query_string=query,
            encoded=True,
        )
        pairs = [(_text(name), _text(value)) for name, value in headers]
        request = (method, url, pairs, body or None)
        try:
            try:
                return await self._ask(*request)
            except aiohttp.ClientConnectionError as ended:
                if isinstance(ended, aiohttp.ClientConnectorError) or method != "POST":
                    raise  # there was no connection; or aiohttp has repeated it
                return await self._ask(*request)
        except (aiohttp.ClientError, ValueError) as error:  # and what aiohttp cannot send
            raise ConnectionError(f"{type(error).__name__}: {error}".rstrip(": ")) from None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _ask(
        self, method: str, url: URL, headers: list[tuple[str, str]], body: bytes | None
    ) -> tuple[int, Iterable[Header], bytes]:
        async with self._session.request(
            method, url, headers=headers, data=body, allow_redirects=False
        ) as answer:
            return answer.status, answer.raw_headers, await answer.read()


def _session() -> aiohttp.ClientSession:
    # Idle connections are closed before a server closes them (uvicorn: after 5 s), which could lose
    # a request.
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=2),
        timeout=aiohttp.ClientTimeout(),
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("accept", "content-type", "user-agent"),
        auto_decompress=False,
        max_line_size=MAX_HEADER,
        max_field_size=MAX_HEADER,
    )


def _text(raw: bytes) -> str:
    """Return a part of a header; aiohttp writes it in UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
