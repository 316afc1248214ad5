"""The page's server, on a thread of its own: it begins and ends with the program that serves it."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import uvicorn
from anyio import to_thread

from capture.clock import Pace, SystemClock
from capture.config import Config, WebConfig
from capture.errors import BadInput, NightcalError
from capture.journal import Journal
from capture.store.archive import Archive
from capture.web.app import make_app
from capture.web.desk import Desk

# Streams of the log end with the server, not the server with them.
_GRACE_S = 2
_STARTS_WITHIN_S = 20.0
# SQLite gives the interpreter away for every row: of many threads that want it each waits long for each row.
_AT_ONCE = 4
_BEATS_EVERY_S = 5


class _Server(uvicorn.Server):
    """On a thread signals are not ours to take."""

    def install_signal_handlers(self) -> None:
        """Leave them to the program."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer few requests at once."""
        to_thread.current_default_thread_limiter().total_tokens = _AT_ONCE
        await super().startup(sockets)


@contextmanager
def page_served(desk: Desk, journal: Journal, beat: Callable[[], object] = lambda: None) -> Iterator[str]:
    """Serve the page; yields its address. Raises BadInput when its port or its files cannot be used.

    `beat` is called every 5 s from within the loop that answers: a loop that hangs is silent.
    """

    async def beats() -> None:
        beat()

    web = desk.web
    listener = _listener(web)
    port = listener.getsockname()[1]
    config = uvicorn.Config(
        make_app(desk), log_config=None, access_log=False, server_header=False, lifespan="off", ws="none",
        timeout_graceful_shutdown=_GRACE_S, timeout_keep_alive=15, proxy_headers=False, limit_concurrency=500,
        ssl_certfile=web.certificate, ssl_keyfile=web.key, h11_max_incomplete_event_size=32_768,
        callback_notify=beats, timeout_notify=_BEATS_EVERY_S,
    )  # fmt: skip
    try:
        config.load()
    except OSError as error:
        listener.close()
        raise BadInput(f"[web] certificate or key cannot be used: {error.strerror or error}") from error
    server = _Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="the page", daemon=True)
    desk.log.start()
    thread.start()
    address = f"{'https' if web.certificate else 'http'}://{_shown(web.host)}:{port}"
    _await_start(server, thread)
    # Else each full collection looks through all that was imported, while nobody is answered.
    gc.freeze()
    journal.say("nightcal", "web", f"the page is at {address}")
    if not web.on_loopback and web.certificate is None:
        journal.say(
            "nightcal",
            "alarm",
            f"the page listens on {web.host} without TLS: passwords cross the network readable. Give [web] "
            "certificate and key, or host 127.0.0.1 behind a proxy that speaks TLS",
        )
    try:
        yield address
    finally:
        desk.log.stop()
        server.should_exit = True
        thread.join(_GRACE_S + 3.0)
        listener.close()


@contextmanager
def page_beside(
    config: Config, archive: Archive, journal: Journal, pace: Pace | None = None
) -> Iterator[None]:
    """Serve the page, if the config has one beside the service, which goes on without it where it must."""
    with ExitStack() as stack:
        if config.web is not None and not config.web.apart:
            try:
                stack.enter_context(page_served(Desk(config, archive, pace), journal))
            except NightcalError as error:
                journal.say("nightcal", "alarm", f"there is no page: {error}")
        yield


def _listener(web: WebConfig) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
        listener = socket.create_server((web.host, web.port), family=family, backlog=256)
        # Its connections have it from here: asyncio asks for it only where the protocol's number is given.
        # Without it each short answer waits 40 ms for the acknowledgement of its own head.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        raise BadInput(
            f"[web] cannot listen on {web.host} port {web.port}: {error.strerror or error}; "
            "another program may have it: choose another port"
        ) from error


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    """Return when it answers. A Ctrl-C meanwhile ends the waiting."""
    clock = SystemClock()
    end = clock.monotonic() + _STARTS_WITHIN_S
    while not server.started and thread.is_alive() and clock.monotonic() < end:
        clock.sleep(0.02)
    if not server.started:
        raise BadInput("the page's server did not start")


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
