"""The pages in a real browser: what a learner presses and reads, on a desk and on a phone, with the keyboard alone."""

import math
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading

import pytest

pytest.importorskip("voila")
playwright = pytest.importorskip("playwright.sync_api")

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MISSING = "no Chromium here: install one, on Debian with apt-get install chromium"
OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
PATIENCE = 120_000  # milliseconds; a kernel on a busy machine takes its time

if BROWSER is None and os.environ.get("CI"):
    pytest.fail(MISSING, pytrace=False)
pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason=MISSING),
    pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent as POSIX has it"),
]


class Server:
    """`tinygrad-edu NAME` in a process of its own."""

    def __init__(self, name, *options):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tinygrad_edu", name, "--no-browser", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        lines = queue.Queue()
        threading.Thread(target=lambda: lines.put(self.process.stdout.readline()), daemon=True).start()
        self.said = lines.get(timeout=PATIENCE / 1000)
        found = re.search(r"http://localhost:\d+/", self.said)
        assert found, self.said + self.process.stderr.read()
        self.url = found[0]

    def stop(self, how=signal.SIGINT):
        """Its exit code and what it said on stderr."""
        self.process.send_signal(how)
        _, errors = self.process.communicate(timeout=PATIENCE / 1000)
        return self.process.returncode, errors


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=BROWSER, args=OPTIONS)
        yield opened
        opened.close()


def serve(name):
    server = Server(name)
    yield server
    assert server.stop() == (0, "")


downhill_server = pytest.fixture(lambda: (yield from serve("downhill")), scope="module", name="downhill_server")


class Page:
    """A page that is watched: at the end there must have been no error, and no request to another machine."""

    def __init__(self, browser, server, **options):
        self.wrong = []
        self.page = browser.new_page(**({"viewport": {"width": 1200, "height": 900}} | options))
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", lambda said: self.wrong.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("requestfailed", lambda request: self.wrong.append(f"failed: {request.url}"))
        self.page.on("response", lambda got: self.wrong.append(got.url) if got.status >= 400 else None)
        self.page.on("request", lambda request: self._local(request.url, server.url))
        self.page.goto(server.url)
        self.page.wait_for_selector(".tinygrad-edu figure svg")

    def _local(self, url, home):
        if not url.startswith((home, home.replace("http", "ws"), "data:", "blob:")):
            self.wrong.append(f"elsewhere: {url}")

    def press(self, label):
        self.page.get_by_role("button", name=label, exact=True).click()

    def keys(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def read(self, name):
        return self.page.locator(f'[data-name="{name}"]').inner_text()

    def number(self, name):
        return float(self.read(name).replace("−", "-"))

    def wait(self, name, value):
        """Until a read-out says so."""
        playwright.expect(self.page.locator(f'[data-name="{name}"]')).to_have_text(value, timeout=PATIENCE)

    def slider(self, label):
        """The handle of a slider."""
        return self.page.locator(".widget-slider", has_text=label).locator(".noUi-handle")

    @property
    def width(self):
        """Of what is there, and of the window."""
        return tuple(self.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]"))

    def close(self):
        self.page.close()
        assert self.wrong == []


@pytest.fixture
def downhill(browser, downhill_server):
    page = Page(browser, downhill_server)
    yield page
    page.close()


# The curve of the lesson and its slope, by hand.
def f(x):
    return 0.12 * x**2 + math.sin(2.4 * x) + 0.3 * math.cos(5 * x)


def slope(x):
    return 0.24 * x + 2.4 * math.cos(2.4 * x) - 1.5 * math.sin(5 * x)


def descend(x, lr, steps):
    for _ in range(steps):
        x -= lr * slope(x)
    return x


def shows(page, x, steps):
    """Whether the page says that the ball is at x after so many steps, with the right height and slope."""
    page.wait("step", str(steps))
    assert page.number("x") == pytest.approx(x, abs=6e-5)
    assert page.number("f(x)") == pytest.approx(f(x), abs=6e-5)
    assert page.number("f′(x)") == pytest.approx(slope(x), abs=6e-5)
    return True


def test_every_step_is_learning_rate_times_slope(downhill):
    assert shows(downhill, 3.0, 0)
    for steps in (1, 2, 3):
        downhill.press("Step")
        assert shows(downhill, descend(3.0, 0.1, steps), steps)
