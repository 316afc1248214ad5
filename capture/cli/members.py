"""`nightcal users`, `nightcal requests` and `nightcal points`: members, by who may use this machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from capture.cli.ask import who
from capture.cli.console import console, show_table
from capture.cli.options import CONFIG, ConfigOption
from capture.clock import clock_of_this_process
from capture.config import Config, load_config
from capture.members import accounts, asking, ledger, queue
from capture.members.pricing import in_points
from capture.members.roles import Actor, Role
from capture.store.archive import Archive

T = TypeVar("T")

users_app = typer.Typer(help="Accounts: who may use the page and the API.", no_args_is_help=True)
requests_app = typer.Typer(help="Members' requests: the queue, and a no.", no_args_is_help=True)
points_app = typer.Typer(help="Points: statements, grants and refunds.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="The account.")]
GenerateOption = Annotated[bool, typer.Option("--generate", help="Make a password, and show it once.")]
RigArgument = Annotated[str, typer.Argument(help="The rig.")]
KindArgument = Annotated[str, typer.Argument(help="bias or dark.")]
ExposureOption = Annotated[float, typer.Option("--exposure", help="Seconds, of a dark.")]
CountOption = Annotated[int, typer.Option("--count", help="How many frames.")]
BinningOption = Annotated[int | None, typer.Option("--binning", help="The rig's, if left out.")]
GainOption = Annotated[int | None, typer.Option("--gain", help="The rig's, if left out.")]
TemperatureOption = Annotated[float | None, typer.Option("--temperature", help="C; the rig's, if left out.")]
WhyArgument = Annotated[str, typer.Option("--why", help="For those who read it later.")]


@users_app.command("add")
def add(
    name: NameArgument,
    role: Annotated[str, typer.Option("--role", help="member, operator or admin.")] = "member",
    generate: GenerateOption = False,
    config: ConfigOption = CONFIG,
) -> None:
    """Make an account; its password is asked for, or read from standard input."""
    password = _password(generate=generate)
    _with(config, lambda _, a: accounts.create(
        a.catalogue.accounts, name, Role.of(role), a.clock.now(), password))  # fmt: skip
    console.print(f"{name} is {role}")


@users_app.command("list")
def list_users(config: ConfigOption = CONFIG) -> None:
    """Show every account."""
    rows = _with(config, lambda _, a: a.catalogue.accounts.all())
    table = [(r.name, r.role, f"{r.made:%Y-%m-%d}", "disabled" if r.disabled else "") for r in rows]
    show_table("", ("name", "role", "since", ""), table)


@users_app.command("set-role")
def set_role(
    name: NameArgument, role: Annotated[str, typer.Argument()], config: ConfigOption = CONFIG
) -> None:
    """Give an account another role."""
    _with(config, lambda _, a: accounts.set_role(a.catalogue.accounts, name, Role.of(role)))


@users_app.command("reset-password")
def reset_password(
    name: NameArgument, generate: GenerateOption = False, config: ConfigOption = CONFIG
) -> None:
    """Give an account another password, and end its sessions."""
    password = _password(generate=generate)
    _with(config, lambda _, a: accounts.set_password(
        a.catalogue.accounts, name, password, a.clock.now()))  # fmt: skip


@users_app.command("disable")
def disable(name: NameArgument, config: ConfigOption = CONFIG) -> None:
    """Let an account in no more; its sessions and tokens end."""
    _with(config, lambda _, a: accounts.disable(a.catalogue.accounts, name, a.clock.now()))


@users_app.command("enable")
def enable(name: NameArgument, config: ConfigOption = CONFIG) -> None:
    """Let a disabled account in again; it needs new sessions and tokens."""
    _with(config, lambda _, a: accounts.disable(
        a.catalogue.accounts, name, a.clock.now(), disabled=False))  # fmt: skip


@users_app.command("tokens")
def tokens(
    name: NameArgument,
    revoke: Annotated[int, typer.Option("--revoke", help="Let this one, by its number, in no more.")] = 0,
    config: ConfigOption = CONFIG,
) -> None:
    """Show an account's API tokens, or revoke one."""
    rows = _with(config, lambda _, a: accounts.tokens_of(a.catalogue.accounts, name, revoke, a.clock.now()))
    table = [
        (str(r.id), r.name, ",".join(r.scopes), f"{r.expires:%Y-%m-%d}" if r.expires else "never",
         f"{r.used:%Y-%m-%d}" if r.used else "never", "revoked" if r.revoked else "")
        for r in rows
    ]  # fmt: skip
    show_table("", ("number", "label", "scopes", "expires", "used", ""), table)


@users_app.command("token")
def token(
    name: NameArgument,
    label: Annotated[str, typer.Option("--label", help="To know it again.")] = "token",
    scopes: Annotated[str, typer.Option("--scopes", help="Separated by commas.")] = "library,watch,ask",
    days: Annotated[float, typer.Option("--days", min=0.01, max=3650, help="How long it lasts.")] = 90.0,
    config: ConfigOption = CONFIG,
) -> None:
    """Make an API token; it is shown this once."""
    wanted = accounts.scopes_of(word.strip() for word in scopes.split(","))
    lasts = timedelta(days=days)
    issued = _with(config, lambda _, a: accounts.issue_token(
        a.catalogue.accounts, name, label, wanted, a.clock.now(), lasts))  # fmt: skip
    console.print(issued.secret, markup=False, soft_wrap=True)


@requests_app.command("list")
def list_requests(config: ConfigOption = CONFIG) -> None:
    """Show all open requests in the order of their turns."""
    found = _with(config, lambda c, a: queue.queue(c, a, _here()))
    rows = [
        (str(one.row.id), one.row.who, one.row.rig, f"{one.row.good}/{one.row.count} {one.row.spec}",
         one.row.state.value, str(one.expected.night or ""))
        for one in found
    ]  # fmt: skip
    show_table("", ("number", "who", "rig", "frames", "state", "night"), rows)


@requests_app.command("quote")
def quote(
    rig: RigArgument,
    kind: KindArgument,
    exposure: ExposureOption = 0.0,
    count: CountOption = 10,
    binning: BinningOption = None,
    gain: GainOption = None,
    temperature: TemperatureOption = None,
    config: ConfigOption = CONFIG,
) -> None:
    """Tell what frames would come to, and what the library holds of them already."""
    ask = asking.Ask(rig, kind, exposure, count, binning, gain, temperature)
    _tell(_with(config, lambda c, a: asking.quote(c, a, _here(), ask)))


@requests_app.command("send")
def send(
    name: NameArgument,
    rig: RigArgument,
    kind: KindArgument,
    exposure: ExposureOption = 0.0,
    count: CountOption = 10,
    binning: BinningOption = None,
    gain: GainOption = None,
    temperature: TemperatureOption = None,
    master: Annotated[bool, typer.Option("--master", help="Combine them, too.")] = False,
    config: ConfigOption = CONFIG,
) -> None:
    """Send a request for a member, by their quotas and their points."""
    ask = asking.Ask(rig, kind, exposure, count, binning, gain, temperature, master)
    row = _with(config, lambda c, a: asking.send(c, a, accounts.member(a.catalogue.accounts, name), ask))
    console.print(f"{row} is queued")


@requests_app.command("cancel")
def cancel(number: int, why: WhyArgument = "", config: ConfigOption = CONFIG) -> None:
    """Take no more frames for a request."""
    _with(config, lambda _, a: queue.cancel(a.catalogue, _here(), number, why, a.clock.now()))


@requests_app.command("refuse")
def refuse(number: int, why: WhyArgument, config: ConfigOption = CONFIG) -> None:
    """Refuse a request, with the reason."""
    _with(config, lambda _, a: queue.refuse(a.catalogue, _here(), number, why, a.clock.now()))


@points_app.command("show")
def show(
    name: NameArgument,
    as_csv: Annotated[bool, typer.Option("--csv", help="For spreadsheets.")] = False,
    config: ConfigOption = CONFIG,
) -> None:
    """Show an account's statement."""
    told = _with(config, lambda _, a: ledger.statement(a.catalogue, _here(), name))
    sys.stdout.write(told.csv() if as_csv else told.text())


@points_app.command("grant")
def grant(name: NameArgument, points: float, why: WhyArgument, config: ConfigOption = CONFIG) -> None:
    """Give points; a negative number takes them."""
    after = _with(config, lambda _, a: ledger.grant(a.catalogue, _here(), name, points, why, a.clock.now()))
    console.print(f"{name} has {in_points(after)} points")


@points_app.command("refund")
def refund(
    name: NameArgument,
    points: float,
    why: WhyArgument,
    request: Annotated[int, typer.Option("--request", help="For this request.")] = 0,
    config: ConfigOption = CONFIG,
) -> None:
    """Give points back, with the reason."""
    after = _with(config, lambda _, a: ledger.refund(
        a.catalogue, _here(), name, points, why, a.clock.now(), request or None))  # fmt: skip
    console.print(f"{name} has {in_points(after)} points")


def _tell(told: asking.Quote) -> None:
    held, expected = told.held, told.expected
    if held:
        console.print(f"the library holds {held.good_frames} good frames and {len(held.masters)} masters")
    console.print(
        f"{told.count} x {told.spec}: {told.hours:.1f} h, {told.size_bytes / 1e6:.1f} MB, free under a shut "
        f"roof, {in_points(told.millipoints_open)} points under an open one"
    )
    night = f"the night {expected.night}" if expected.night else "no night of the next 60"
    console.print(f"number {expected.position} in the queue, expected to begin in {night}")


def _here() -> Actor:
    """Who may read and write the archive may do all; their login stands in the records."""
    return Actor(who(), Role.ADMIN)


def _password(*, generate: bool) -> str:
    if generate:
        made = accounts.generated_password()
        console.print(f"password: {made}", markup=False)
        return made
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


def _with(config: Path, work: Callable[[Config, Archive], T]) -> T:
    settings = load_config(config)
    archive = Archive.of(settings, clock_of_this_process())
    try:
        return work(settings, archive)
    finally:
        archive.close()
