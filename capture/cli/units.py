"""`nightcal service install`: the guard and the service as units of systemd."""

from __future__ import annotations

import getpass
import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer
from platformdirs import user_config_path, user_state_path

from capture.cli.console import console
from capture.cli.options import CONFIG, ConfigOption
from capture.config import Config, load_config
from capture.errors import BadInput, StoreError

_SYSTEM = Path("/etc/systemd/system")
# A roof that closes, its mounts parked first, is not to be cut off.
_GUARD_STOPS_WITHIN_S = 900
_SERVICE_STOPS_WITHIN_S = 900
_PAGE_STOPS_WITHIN_S = 30
# A missed look is 5 s; a combining of masters on a slow disk may keep the service from a few.
_WATCHDOG_S = 120
_FENCES = """\
ProtectSystem=strict
ProtectHome=read-only
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
"""

service_app = typer.Typer(help="nightcal as a service of this machine.", no_args_is_help=True)


@service_app.callback()
def service() -> None:
    """Let the machine start nightcal, and start it again whenever it has died."""


@service_app.command("install")
def install(
    config: ConfigOption = CONFIG,
    user: Annotated[
        bool,
        typer.Option("--user", help="For your own systemd, without root; ends at logout without linger."),
    ] = False,
    only_print: Annotated[bool, typer.Option("--print", help="Show the units and write nothing.")] = False,
) -> None:
    """Write the units of the service, and of the guard and a page apart where they are in the config."""
    settings = load_config(config)
    units = units_of(settings, config.resolve(), user=user)
    if only_print:
        for name, text in units.items():
            print(f"# {name}\n{text}")
        return
    folder = user_config_path() / "systemd" / "user" if user else _SYSTEM
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A folder that is not there when a unit starts stays shut to it.
        for needed in folders_of(settings):
            _make(needed)
        for name, text in units.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(
            f"the units cannot be written to {folder}: {error.strerror}; use sudo, --user, or --print"
        ) from error
    control = "systemctl --user" if user else "systemctl"
    console.print(f"written to {folder}: {', '.join(units)}")
    console.print(f"now: {control} daemon-reload && {control} enable --now {' '.join(units)}")
    if user:
        console.print(f"and, so that it goes on when you log out: sudo loginctl enable-linger {_login()}")
    console.print("then: nightcal status; nightcal watch", markup=False)


def units_of(settings: Config, config: Path, *, user: bool) -> dict[str, str]:
    """The text of every unit by its file name. `config`: absolute. Raises BadInput."""
    folders, state = folders_of(settings), _state_folder()
    units = {}
    if settings.guard is not None:
        units["nightcal-guard.service"] = _unit(
            "nightcal's guard: the roof",
            "guard",
            config,
            [settings.guard.folder, state],
            _GUARD_STOPS_WITHIN_S,
            user=user,
        )
    units["nightcal.service"] = _unit(
        "nightcal: calibration frames, night after night",
        "serve",
        config,
        folders,
        _SERVICE_STOPS_WITHIN_S,
        user=user,
        after=tuple(units),
    )
    if settings.web is not None and settings.web.apart:
        units["nightcal-web.service"] = _unit(
            "nightcal's page",
            "web",
            config,
            [settings.storage.folder, state],
            _PAGE_STOPS_WITHIN_S,
            user=user,
        )
    return units


def folders_of(settings: Config) -> list[Path]:
    """The folders that the service writes to."""
    guard = [] if settings.guard is None else [settings.guard.folder]
    places = [Path(one.place) for one in settings.delivery if "://" not in one.place]
    return [settings.storage.folder, *guard, *places, _state_folder()]


def _state_folder() -> Path:
    """Where the locks on devices are: those of the person, also when that says sudo."""
    if os.environ.get("SUDO_USER"):
        return Path(f"~{_login()}").expanduser() / ".local" / "state" / "nightcal"
    return user_state_path("nightcal")


def _unit(
    description: str,
    command: str,
    config: Path,
    folders: list[Path],
    stops_within_s: int,
    *,
    user: bool,
    after: tuple[str, ...] = (),
) -> str:
    """One unit. After the guard, yet without needing it: the service bears its absence, and says so."""
    start = f"{_quoted(sys.executable)} -m capture {command} --config {_quoted(config)}"
    # A system unit runs as a person, who owns the archive and whose locks on devices are one with a shell's.
    by = "" if user else f"User={_login()}\n"
    writes = "".join(f"ReadWritePaths=-{_quoted(folder)}\n" for folder in folders)
    # A manager without root cannot fence its services off.
    fences = "" if user else _FENCES + writes + "PrivateTmp=yes\n"
    return f"""\
[Unit]
Description={description}
Wants={" ".join(after) or "network-online.target"}
After={" ".join(("network-online.target", "time-sync.target", *after))}
StartLimitIntervalSec=0

[Service]
Type=notify
{by}ExecStart={start}
WorkingDirectory={_quoted(config.parent, escape_only=True)}
Environment=PYTHONUNBUFFERED=1
Restart=always
RestartSec=5
WatchdogSec={_WATCHDOG_S}
TimeoutStartSec=3600
TimeoutStopSec={stops_within_s}
KillMode=mixed
# 130: stopped by the operator, who does not want it back at once.
SuccessExitStatus=130
RestartPreventExitStatus=130

NoNewPrivileges=yes
RestrictRealtime=yes
LockPersonality=yes
{fences}
[Install]
WantedBy={"default.target" if user else "multi-user.target"}
"""


def _quoted(what: str | Path, *, escape_only: bool = False) -> str:
    """A path as a unit has it. Raises BadInput for one that no unit can have."""
    text = str(what)
    if "\n" in text or '"' in text or "\\" in text:
        raise BadInput(f"{text!r} cannot stand in a unit of systemd; choose a path without quotes")
    text = text.replace("%", "%%")
    return text if escape_only or " " not in text else f'"{text}"'


def _make(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(parents=True)
        if os.environ.get("SUDO_USER"):
            shutil.chown(folder, _login())


def _login() -> str:
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (OSError, KeyError, ImportError):
        raise BadInput("nobody knows who you are; use --user") from None
