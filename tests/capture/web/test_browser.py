"""The page in a real browser: Debian's chromium, driven by selenium. Skipped where there is none."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from capture.clock import SystemClock
from capture.members.accounts import create
from capture.members.roles import Role
from capture.store.catalogue import Catalogue
from tests.capture.cli.command import site_at, write_config
from tests.capture.cli.running import running, simulators
from tests.ports import free_port

selenium = pytest.importorskip("selenium", reason="selenium is not installed: pip install selenium")
from selenium import webdriver  # noqa: E402
from selenium.webdriver.chrome.options import Options  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None, reason="no chromium: apt-get install chromium chromium-driver"
)
PASSWORD = "correct horse battery"
PATIENCE_S = 60
PAGES = (
    "/", "/tonight", "/frames", "/flats", "/health", "/coverage", "/library", "/log", "/control", "/requests",
    "/points", "/account",
)  # fmt: skip
DESK, PHONE = (1200, 900), (390, 844)


class Window:
    """A browser's window on a page."""

    def __init__(self, address: str, size: tuple[int, int]) -> None:
        options = Options()
        options.binary_location = str(CHROMIUM)
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
            options.add_argument(argument)
        # A page with a stream of events never comes to rest.
        options.page_load_strategy = "eager"
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.address = address

    def go(self, path: str) -> None:
        self.driver.get(self.address + path)

    def until(self, done: Callable[[], Any], what: str) -> None:
        WebDriverWait(self.driver, PATIENCE_S, ignored_exceptions=[Exception]).until(lambda _: done(), what)

    def until_told(self, text: str, within: str = "body") -> None:
        self.until(
            lambda: text in self.driver.find_element(By.CSS_SELECTOR, within).text, f"{text!r} never came"
        )

    def fill(self, form: str, **fields: str) -> None:
        for name, value in fields.items():
            self.driver.find_element(By.CSS_SELECTOR, f"{form} [name={name}]").send_keys(value)
        self.driver.find_element(By.CSS_SELECTOR, f"{form} button").click()

    def sign_in(self, name: str) -> None:
        self.go("/sign-in")
        self.fill("main form", name=name, password=PASSWORD)
        self.until(lambda: self.driver.find_element(By.LINK_TEXT, name), "the sign-in did not end")

    def faults(self) -> list[str]:
        return [line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]


@pytest.fixture
def windows() -> Iterator[Callable[..., Window]]:
    opened: list[Window] = []

    def window(address: str, size: tuple[int, int] = DESK) -> Window:
        opened.append(Window(address, size))
        return opened[-1]

    yield window
    for one in opened:
        one.driver.quit()


def write_page(folder: Path, server: str) -> str:
    """A config with a page, and an operator's account; return the page's address."""
    port = free_port()
    # At any hour of the day, it is early afternoon there: the rig has no work of its own.
    write_config(folder, server, site_at(14) + f"[web]\nport = {port}\n")
    (folder / "archive").mkdir()
    catalogue = Catalogue(folder / "archive" / "catalogue.sqlite")
    create(catalogue.accounts, "ada", Role.OPERATOR, SystemClock().now(), PASSWORD)
    catalogue.close()
    return f"http://127.0.0.1:{port}"


def test_an_operator_follows_a_run_stops_it_and_sees_the_page_come_back_after_a_restart(
    tmp_path: Path, windows: Callable[..., Window]
) -> None:
    with simulators(rate=1) as server:
        address = write_page(tmp_path, server)
        with running(tmp_path, "serve") as service:
            service.until(lambda: "the page is at" in service.out)
            page = windows(address)
            page.sign_in("ada")
            page.go("/control")
            form = 'form[action="/control/run"]'
            page.driver.find_element(By.CSS_SELECTOR, f"{form} option[value=darks]").click()
            page.driver.find_element(By.CSS_SELECTOR, f"{form} [name=exposures_s]").send_keys("600")
            page.driver.find_element(By.CSS_SELECTOR, f"{form} [name=why]").send_keys("to look at")
            page.driver.find_element(By.CSS_SELECTOR, f"{form} button[value=start]").click()
            page.until_told("T1 takes darks 600 s", "[role=status]")
            page.go("/")
            page.until_told("dark 600 s", "#now")
            log = windows(address)
            log.sign_in("ada")
            log.go("/log")
            log.until_told("live", "#stream")
            page.go("/control")
            page.fill('form[action="/control/pause"]', why="a visitor")
            page.until_told("paused: T1", "[role=status]")
            log.until_told("paused by ada", "#log")
            page.go("/")
            page.until_told("paused by ada", "#now")
            assert not page.faults()
            assert not log.faults()
            service.signal(signal.SIGTERM)
            service.ended()
            page.until_told("does not answer", "#lost")
        with running(tmp_path, "serve") as service:
            service.until(lambda: "the page is at" in service.out)
            lost = page.driver.find_element(By.ID, "lost")
            page.until(lambda: not lost.is_displayed(), "the page did not come back")
            page.until_told("paused by ada", "#now")


def test_on_a_phone_no_page_is_wider_than_the_screen(tmp_path: Path, windows: Callable[..., Window]) -> None:
    with simulators(rate=1) as server:
        address = write_page(tmp_path, server)
        with running(tmp_path, "serve") as service:
            service.until(lambda: "the page is at" in service.out)
            page = windows(address, PHONE)
            page.sign_in("ada")
            for path in PAGES:
                page.go(path)
                page.until(lambda: page.driver.find_element(By.CSS_SELECTOR, "main h1"), "no heading")
                width = page.driver.execute_script("return document.documentElement.scrollWidth")
                assert width <= PHONE[0], path
                assert not page.faults(), path
