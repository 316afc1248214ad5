"""What holds for every answer: names of hosts, headers, sizes, and which proxies are believed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from capture.config import WebConfig

# A form of ours is small, and nothing is uploaded.
LARGEST_BODY = 65_536

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)


def secured(app: ASGIApp, web: WebConfig) -> ASGIApp:
    """`app` behind all of it."""
    hosts = ["localhost", "127.0.0.1", "[::1]", "::1", *web.allowed_hosts]
    # Bound to all addresses, a name of ours is whatever the operator says in allowed_hosts.
    if web.host not in ("0.0.0.0", "::"):
        hosts.append(web.host)
    app = _SmallBodies(app)
    app = TrustedHostMiddleware(app, allowed_hosts=hosts, www_redirect=False)
    if web.proxies:
        behind = ProxyHeadersMiddleware(cast(Any, app), trusted_hosts=list(web.proxies))
        app = _ByProxy(cast(ASGIApp, behind), web.proxies)
    return _Headers(app, secure=web.certificate is not None)


class _Headers:
    """Adds the headers that keep a page's code and frames to itself."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        more = ((b"strict-transport-security", b"max-age=31536000"),) if secure else ()
        self._headers = (*_HEADERS, *more)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                names = {name.lower() for name, _ in headers}
                headers += [pair for pair in self._headers if pair[0] not in names]
                if b"cache-control" not in names:
                    headers.append((b"cache-control", b"no-store"))
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, told)


class _ByProxy:
    """Marks what a trusted proxy hands on, before the caller's address is taken from its header."""

    def __init__(self, app: ASGIApp, proxies: tuple[str, ...]) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if client is not None and client[0] in self._proxies:
            scope["nightcal.by_proxy"] = True
        await self._app(scope, receive, send)


class _SmallBodies:
    """Refuses bodies that no form of ours has, whether they are announced or not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            await _refuse(send)
            return
        await self._app(scope, _counted(receive), send)


def _counted(receive: Receive) -> Callable[[], Awaitable[Message]]:
    seen = 0

    async def next_part() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        # Cut off, as if the caller had left.
        return message if seen <= LARGEST_BODY else {"type": "http.disconnect"}

    return next_part


async def _refuse(send: Send) -> None:
    text = b'{"detail":"the request is too large; send at most 64 KiB"}'
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": text})
