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
from tests.capture.cli.command import ROOF, site_at, write_config
from tests.capture.cli.running import faults, running, simulators
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
NO_NEEDS = "flats = { count = 0 }\nbias = { count = 0 }\ndarks.count = 0\n"
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
            field = self.driver.find_element(By.CSS_SELECTOR, f"{form} [name={name}]")
            field.clear()
            field.send_keys(value)
        self.press(f"{form} button")

    def press(self, button: str) -> None:
        self.driver.find_element(By.CSS_SELECTOR, button).click()

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


def write_page(folder: Path, server: str, hour: int = 14, needs: str = "") -> str:
    """A config with a page, and accounts of an operator and a member; return the page's address.

    At any time of the day it is that hour there: early in the afternoon the rig has no work of its own.
    """
    port = free_port()
    write_config(folder, server, site_at(hour) + needs + f"[web]\nport = {port}\n")
    (folder / "archive").mkdir()
    catalogue = Catalogue(folder / "archive" / "catalogue.sqlite")
    for name, role in (("ada", Role.OPERATOR), ("ben", Role.MEMBER)):
        create(catalogue.accounts, name, role, SystemClock().now(), PASSWORD)
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


def test_a_member_asks_is_quoted_cancels_and_receives_but_gets_no_flats(
    tmp_path: Path, windows: Callable[..., Window]
) -> None:
    with simulators(rate=1) as server:
        address = write_page(tmp_path, server, 23, NO_NEEDS)
        with running(tmp_path, "serve") as service:
            service.until(lambda: "the page is at" in service.out)
            page = windows(address)
            page.sign_in("ben")
            page.go("/requests")
            page.press(".ask [name=kind] option:nth-child(2)")
            page.fill(".ask", count="2")
            page.until_told("The library holds none of them yet", "#quote")
            page.press("#quote button[value=send]")
            page.until_told("Request 1, 2 x bias by T1, is queued", "[role=status]")
            page.fill(".ask", exposure_s="600")
            page.until_told("dark 600 s", "#quote")
            page.press("#quote button[value=send]")
            page.until_told("Request 2", "[role=status]")
            page.press('form[action="/requests/2/cancel"] button')
            page.until_told("Request 2 is cancelled", "[role=status]")

            def is_done() -> bool:
                page.go("/requests")
                return "2 of 2" in page.driver.find_element(By.CSS_SELECTOR, "main").text

            page.until(is_done, "the request was never done")
            page.driver.find_element(By.LINK_TEXT, "2 of 2").click()
            page.until_told("Frames of request 1", "h1")
            assert len(page.driver.find_elements(By.CSS_SELECTOR, ".pictures li")) == 2
            assert page.driver.find_element(By.PARTIAL_LINK_TEXT, "as a ZIP")
            page.go("/control")
            page.until_told("one must be operator at least", "main")
            page.go("/requests")
            made_up = "document.querySelector('.ask [name=kind] option').value = 'flat'"
            page.driver.execute_script(made_up)
            page.press(".ask button")
            page.until_told("Flats are the operators'", "main [role=alert]")


def test_an_operator_orders_tells_sets_aside_releases_and_resets_with_who_and_why_in_the_log(
    tmp_path: Path, windows: Callable[..., Window]
) -> None:
    with simulators(rate=1) as server:
        address = write_page(tmp_path, server, needs=ROOF.replace("{server}", server))
        with running(tmp_path, "serve") as service:
            service.until(lambda: "the page is at" in service.out)
            page = windows(address)
            page.sign_in("ada")
            page.go("/control")
            run = 'form[action="/control/run"]'
            page.fill(run, count="2", why="first light")
            page.until_told("2 frames", "#job")
            page.press(f"{run} button[value=start]")
            service.until(lambda: "bias ends after 2 frames" in service.out)
            page.go("/control")
            aside = 'form[action="/control/set-aside"]'
            since = page.driver.find_element(By.CSS_SELECTOR, f"{aside} [name=since]")
            page.driver.execute_script("arguments[0].value = '2020-01-01T00:00'", since)
            page.press(f"{aside} [value=bias]")
            page.fill(aside, why="a lamp was on")
            page.driver.switch_to.alert.accept()
            page.until_told("2 frames (bias)", "[role=status]")
            page.fill('form[action="/control/release"]', why="it was off")
            page.until_told("2 frames and", "[role=status]")
            page.fill('form[action="/control/order"]', flats="L x3", why="a comet")
            page.until_told("a comet", "[role=status]")
            page.fill('form[action="/control/event"]', filters="L", why="dust on it")
            page.until_told("filter cleaned L", "[role=status]")
            stuck = {"device": "dome/0", "member": "shutterstatus", "kind": "stuck", "value": 4}
            faults(server, stuck)
            page.go("/")
            page.until_told("The roof has a fault: its shutter reports an error", "#now")
            faults(server)
            page.go("/control")
            page.fill('form[action="/control/reset-guard"]', why="a stone on the rail")
            page.driver.switch_to.alert.accept()
            page.until_told("fault is reset by ada: a stone on the rail", "[role=status]")
            page.go("/log")
            for why in ("first light", "a lamp was on", "it was off", "a comet", "dust on it", "a stone on"):
                page.until_told(why, "#log")
            assert not page.faults()


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
