"""The command `nightcal` and its subcommands.

Exit status: 0 done; 1 done but not all of it is good; 2 bad input; 3 a device failed; 4 something could
not be saved; 130 stopped by the operator.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from capture.cli.by_hand import run_app
from capture.cli.calibrate import calibrate, lights, match
from capture.cli.console import complain, journal_printer
from capture.cli.delivery import delivery_app
from capture.cli.discover import discover
from capture.cli.doctor import doctor
from capture.cli.event import event
from capture.cli.guard import guard_app, roof_app
from capture.cli.health import health
from capture.cli.init import init
from capture.cli.library import library_app
from capture.cli.members import points_app, requests_app, users_app
from capture.cli.notify import notify_app
from capture.cli.options import JsonOption
from capture.cli.plan import plan
from capture.cli.service import pause, resume, serve, status, stop, watch
from capture.cli.stopping import LeftAtOnce
from capture.cli.units import service_app
from capture.cli.web import web as web_alone
from capture.errors import BadInput, DeviceError, NightcalError, Stopped, StoreError

app = typer.Typer(
    help="Calibration capture for telescopes, unattended.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(run_app, name="run")
app.add_typer(guard_app, name="guard")
app.add_typer(roof_app, name="roof")
app.add_typer(service_app, name="service")
app.add_typer(library_app, name="library")
app.add_typer(delivery_app, name="delivery")
app.add_typer(users_app, name="users")
app.add_typer(requests_app, name="requests")
app.add_typer(points_app, name="points")
app.add_typer(notify_app, name="notify")
app.command()(discover)
app.command()(init)
app.command()(doctor)
app.command()(event)
app.command()(health)
app.command()(plan)
for command in (serve, status, watch, stop, pause, resume):
    app.command()(command)
app.command("web")(web_alone)
app.command()(match)
app.command()(calibrate)
app.command()(lights)


def main() -> None:
    """Run the command; every error that we raise on purpose ends as one sentence and an exit status."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A script's shell starts what it puts into the background with SIGINT ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        app(prog_name="nightcal", standalone_mode=True)
    except SystemExit as ended:
        # Typer's silent answer to a Ctrl-C in a command that has nothing to put away.
        if ended.code == 130:
            complain("stopped by the operator")
        raise
    except LeftAtOnce as left:
        complain(str(left))
        # Threads may still print or talk to devices: an ordinary exit would trip over their locks.
        sys.stdout.flush()
        os._exit(130)
    except Stopped as stopped:
        _fail(stopped, 130)
    except BadInput as error:
        _fail(error, 2)
    except DeviceError as error:
        _fail(error, 3)
    except StoreError as error:
        _fail(error, 4)
    except NightcalError as error:
        _fail(error, 1)


def _fail(error: Exception, status: int) -> NoReturn:
    # What a whole service is asked to do, it says under its own name.
    complain(str(error).removeprefix("nightcal: "))
    # Else the interpreter looks for garbage in all that was imported, for seconds on a busy machine.
    gc.freeze()
    sys.exit(status)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where frames and the report go.")] = Path("demo"),
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another sky.")] = 1,
    size: Annotated[int, typer.Option(min=64, max=1024, help="Sensors of so many pixels a side.")] = 1024,
    short: Annotated[bool, typer.Option("--short", help="Fewer frames of each set.")] = False,
    processes: Annotated[
        int, typer.Option(min=1, max=3, help="3: guard and service as processes of their own.")
    ] = 1,
    web: Annotated[
        bool, typer.Option("--web", help="Show it in a browser, at most --rate times faster.")
    ] = False,
    rate: Annotated[float, typer.Option(min=0.1, max=3600, help="With --web: seconds a second.")] = 60.0,
    port: Annotated[int, typer.Option(min=0, max=65535, help="With --web: the page's port.")] = 8080,
    as_json: JsonOption = False,
) -> None:
    """Live through a whole simulated night and judge its masters by the simulator's truth."""
    # The simulators are for this command alone.
    from capture.cli.demo import run_demo  # noqa: PLC0415
    from capture.cli.demo_web import run_demo_web  # noqa: PLC0415

    if web:
        run_demo_web(folder, seed, size, rate, port, short=short, printer=journal_printer(as_json=as_json))
        return
    if not run_demo(
        folder, seed, size, short=short, processes=processes, printer=journal_printer(as_json=as_json)
    ):
        raise typer.Exit(1)


@app.command()
def simulate(
    host: Annotated[str, typer.Option(help="The address to serve on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 11111,
    rate: Annotated[float, typer.Option(min=0.1, max=10000, help="How many times faster than life.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0)] = 1,
) -> None:
    """Serve the demonstration's observatory over Alpaca, for nightcal or any other program."""
    from simulators.__main__ import main as serve_simulators  # noqa: PLC0415 - as above

    arguments = ["--host", host, "--port", str(port), "--rate", str(rate), "--seed", str(seed)]
    raise typer.Exit(serve_simulators(arguments))
