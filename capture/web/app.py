"""The application: pages, the API, and what an error looks like."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import cast

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from capture.errors import BadInput, NightcalError, NotAllowed, StoreError
from capture.members.roles import VISITOR
from capture.web import api, api_accounts, metrics
from capture.web.access import Caller, NotSignedIn, identify
from capture.web.desk import Desk
from capture.web.link import NoService
from capture.web.pages import account, control, library, night, now, requests
from capture.web.render import page
from capture.web.security import secured
from capture.web.throttle import TooMany

_KEEPS = "max-age=300"
_HERE = Path(str(files("capture.web")))


def make_app(desk: Desk) -> ASGIApp:
    """The page of `desk`, as a server of ASGI wants it."""
    return secured(application(desk), desk.web)


def application(desk: Desk) -> FastAPI:
    """All of its addresses, without what keeps strangers' hosts and bodies out."""
    app = FastAPI(
        title="nightcal", version="1", docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json",
        dependencies=[Depends(identify)],
    )  # fmt: skip
    app.state.desk = desk
    report_css = (files("capture.night.report") / "templates" / "report.css").read_text(encoding="utf-8")
    app.add_api_route("/static/report.css", lambda: _css(report_css), include_in_schema=False)
    app.mount("/static", _Static(directory=_HERE / "static"), name="static")
    for part in (now, night, library, account, control, requests):
        app.include_router(part.router, include_in_schema=False)
    app.include_router(api.router)
    app.include_router(api_accounts.router)
    app.include_router(metrics.router, include_in_schema=False)
    for kind, answer in (
        (NotAllowed, _denied), (TooMany, _too_many), (NightcalError, _refused),
        (LookupError, _missing), (HTTPException, _plain), (RequestValidationError, _invalid),
        (Exception, _broken),
    ):  # fmt: skip
        app.add_exception_handler(kind, cast(Callable[[Request, Exception], Response], answer))
    return app


def _css(text: str) -> Response:
    """The report's colours and tables are the page's, too."""
    return Response(text, media_type="text/css", headers={"cache-control": _KEEPS})


class _Static(StaticFiles):
    """Files that change with the program only."""

    def file_response(self, *args: object, **more: object) -> Response:
        response: Response = super().file_response(*args, **more)  # type: ignore[arg-type]
        response.headers["cache-control"] = _KEEPS
        return response


def _is_api(request: Request) -> bool:
    return request.url.path.startswith(("/api/", "/metrics", "/healthz"))


def _answer(request: Request, status: int, text: str) -> Response:
    """The same sentence as a page or as JSON."""
    if not hasattr(request.state, "caller"):
        request.state.caller = Caller(VISITOR)
    if _is_api(request):
        return JSONResponse({"detail": text}, status)
    part = request.headers.get("hx-request") == "true"
    if hasattr(request.state, "again") and not part:
        # Without the catalogue there is no form either.
        with suppress(NightcalError):
            return cast(Response, request.state.again(status, text))
    return page(request, "part_error.html" if part else "error.html", status, text=text, code=status)


# Pages read the catalogue; so none of these is async, and each gets a thread.
def _denied(request: Request, error: NotAllowed) -> Response:
    nobody = isinstance(error, NotSignedIn)
    if nobody and not _is_api(request) and request.method == "GET" and "hx-request" not in request.headers:
        return RedirectResponse("/sign-in", 303)
    answer = _answer(request, 401 if nobody else 403, f"{error}.")
    if nobody and _is_api(request):
        answer.headers["www-authenticate"] = "Bearer"
    return answer


def _too_many(request: Request, error: TooMany) -> Response:
    answer = _answer(request, 429, f"{error}.")
    answer.headers["retry-after"] = str(round(error.again_s) + 1)
    return answer


def _refused(request: Request, error: NightcalError) -> Response:
    status = (
        503 if isinstance(error, (NoService, StoreError)) else 422 if isinstance(error, BadInput) else 409
    )
    return _answer(request, status, f"{error}.")


def _missing(request: Request, error: LookupError) -> Response:
    # Anything but our own word for it is a mistake in the program.
    if type(error) is not LookupError:
        return _broken(request, error)
    return _answer(request, 404, f"{error}.")


def _plain(request: Request, error: HTTPException) -> Response:
    words = {404: "there is no such page", 405: "this address cannot be asked in that way"}
    if not hasattr(request.state, "caller"):
        # No route took it; who has signed in is not told to sign in.
        with suppress(NightcalError):
            identify(request)
    answer = _answer(request, error.status_code, f"{words.get(error.status_code, error.detail)}.")
    answer.headers.update(error.headers or {})
    return answer


def _invalid(request: Request, error: RequestValidationError) -> Response:
    told = "; ".join(f"{'.'.join(str(part) for part in one['loc'][1:]) or 'the request'}: {one['msg']}"
                     for one in error.errors()[:5])  # fmt: skip
    return _answer(request, 422, f"{told[:500]}.")


def _broken(request: Request, error: Exception) -> Response:
    desk: Desk = request.app.state.desk
    desk.faults += 1
    return _answer(request, 500, f"this is a mistake in nightcal ({type(error).__name__}); it was counted.")
