"""The pictures of the page in docs/pictures/, taken anew: `.venv/bin/python docs/pictures.py [NAME ...]`.

It lives a night of `nightcal demo --web`, in which a member asks and an operator grants, and looks at every
main view in a browser. chromium and chromedriver must be there.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

FOLDER = Path(__file__).parent / "pictures"
DESK, PHONE = (1200, 760), (390, 720)
# As the documents show them, and small.
WIDEST, QUALITY = 800, 60
FASTEST = 3600

# Of the night under way, then of the morning after it: name, page, who looks, size, dark.
AT_NIGHT = (
    ("now", "/", "operator", DESK, False),
    ("now_phone", "/", "operator", PHONE, True),
    ("tonight", "/tonight", "member", DESK, True),
    ("control", "/control", "operator", DESK, False),
    ("log", "/log", "operator", DESK, True),
)
IN_THE_MORNING = (
    ("frames", "/frames", "member", DESK, False),
    ("flats", "/flats", "member", DESK, False),
    ("coverage", "/coverage", "member", DESK, False),
    ("coverage_phone", "/coverage", "member", PHONE, False),
    ("library", "/library", None, DESK, False),
    ("master", "/library?kind=flat", None, DESK, True),
    ("health", "/health", "member", DESK, False),
    ("requests", "/requests", "member", DESK, False),
    ("points", "/points", "member", DESK, True),
)


class Looker:
    """One browser, signed in as one person or as nobody."""

    def __init__(self, address: str) -> None:
        options = Options()
        options.binary_location = str(shutil.which("chromium"))
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
            options.add_argument(argument)
        # A page with a stream of events never comes to rest.
        options.page_load_strategy = "eager"
        self.driver = webdriver.Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
        self.driver.implicitly_wait(20)
        self.address = address

    def sign_in(self, name: str, password: str) -> None:
        """As one of the demonstration's accounts."""
        self.driver.get(self.address + "/sign-in")
        self.submit("main form", name=name, password=password)
        self.until("Sign out")

    def submit(self, form: str, button: str = "button", **fields: str) -> None:
        """Fill a form of the page that is open, and press its button."""
        for name, value in fields.items():
            field = self.driver.find_element(By.CSS_SELECTOR, f"{form} [name={name}]")
            if field.tag_name != "select":
                field.clear()
            field.send_keys(value)
        self.driver.find_element(By.CSS_SELECTOR, f"{form} {button}").click()

    def until(self, text: str) -> None:
        """Wait until the page says so."""
        waiting = WebDriverWait(self.driver, 60, ignored_exceptions=[Exception])
        waiting.until(lambda driver: text in driver.find_element(By.TAG_NAME, "body").text)

    def look(self, name: str, page: str, size: tuple[int, int], *, dark: bool) -> None:
        """Save the top of a page as a small picture."""
        width, height = size
        shape = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        self.driver.get(self.address + page)
        if name == "master":
            self.driver.find_element(By.CSS_SELECTOR, ".card a").click()
        WebDriverWait(self.driver, 60).until(_is_loaded)
        taken = Image.open(io.BytesIO(self.driver.get_screenshot_as_png())).convert("RGB")
        if width > WIDEST:
            taken = taken.resize((WIDEST, height * WIDEST // width), Image.Resampling.LANCZOS)
        path = FOLDER / f"{name}.webp"
        taken.save(path, quality=QUALITY, method=6)
        print(f"{path.name}: {path.stat().st_size // 1024} KB")


def _is_loaded(driver: webdriver.Chrome) -> bool:
    # Pictures further down are loaded when one gets there.
    seen = "i.complete || i.getBoundingClientRect().top > innerHeight"
    script = f"return document.readyState !== 'loading' && [...document.images].every(i => {seen})"
    return bool(driver.execute_script(script))


@contextmanager
def demo(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`nightcal demo --web` until the block ends."""
    nightcal = Path(sys.executable).parent / "nightcal"
    command = [
        str(nightcal),
        "demo",
        "--web",
        "--short",
        "--folder",
        str(folder),
        "--rate",
        "60",
        "--port",
        "18099",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        try:
            yield process
        finally:
            process.terminate()
            for _ in process.stdout or ():
                pass


def said(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    """Read what it prints until it says so."""
    for line in process.stdout or ():
        if found := re.search(pattern, line):
            return found
    raise SystemExit(f"the demonstration ended before it said {pattern}")


def main() -> None:
    """Take the pictures that are named, all if none is."""
    wanted = set(sys.argv[1:])
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, demo(Path(folder) / "demo") as process:
        passwords = dict(
            said(process, r"sign in as (\w+) with the password (\S+)").groups() for _ in range(3)
        )
        address = said(process, r"(http://[\d.:]+)")[1]
        lookers = {None: Looker(address)} | {name: Looker(address) for name in ("member", "operator")}
        try:
            for name in ("member", "operator"):
                lookers[name].sign_in(name, passwords[name])
            _live(process, lookers, wanted)
        finally:
            for looker in lookers.values():
                looker.driver.quit()


def _live(process: subprocess.Popen[str], lookers: dict[str | None, Looker], wanted: set[str]) -> None:
    member, operator = lookers["member"], lookers["operator"]
    for rig, exposure_s, count in (("T1", "120", "5"), ("T2", "0", "20"), ("T1", "900", "3")):
        member.driver.get(member.address + "/requests")
        member.submit(".ask", rig=rig, exposure_s=exposure_s, count=count)
        member.until("Send the request")
        member.submit("#quote form", "button[value=send]")
        member.until("is queued")
    operator.driver.get(operator.address + "/points?account=member")
    operator.submit('form[action="/points"]', "button[value=grant]", points="25", why="welcome")
    operator.until("It stands in the statement")
    for pattern, views in ((r"T1.*dark 120 s", AT_NIGHT), (r"T1.*the night of .* ends", IN_THE_MORNING)):
        operator.driver.get(operator.address + "/")
        operator.submit("form.pace", "button[value=rate]", rate=str(FASTEST))
        said(process, pattern)
        operator.driver.get(operator.address + "/")
        operator.submit("form.pace", "button[value=pause]")
        for name, page, who, size, dark in views:
            if not wanted or name in wanted:
                lookers[who].look(name, page, size, dark=dark)


if __name__ == "__main__":
    main()
