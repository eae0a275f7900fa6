"""The pages in a real browser: what a learner presses and reads, on a desk and on a phone, with the keyboard alone."""

import contextlib
import json
import math
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

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

playwright.expect.set_options(timeout=PATIENCE)

if BROWSER is None:
    if os.environ.get("CI"):  # there, what is skipped goes unseen
        pytest.fail(MISSING, pytrace=False)
    pytest.skip(MISSING, allow_module_level=True)
pytestmark = pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent as POSIX has it")


class Server:
    """`tinygrad-edu NAME` in a process of its own, which opens no browser unless the environment names one."""

    def __init__(self, name, *options, **environment):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tinygrad_edu", name, *["--no-browser"][: "BROWSER" not in environment], *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | environment,
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


@pytest.fixture(scope="module")
def downhill_server():
    yield from serve("downhill")


@pytest.fixture(scope="module")
def playground_server():
    yield from serve("playground")


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
        playwright.expect(self.page.locator(f'[data-name="{name}"]')).to_have_text(value)

    def slider(self, label):
        """The handle of a slider."""
        return self.page.locator(".widget-slider", has_text=label).locator(".noUi-handle")

    @property
    def focus(self):
        """What the keyboard is at."""
        return self.page.evaluate("document.activeElement.innerText || document.activeElement.className")

    @property
    def focus_is_on_the_widget(self):
        return self.page.evaluate("document.activeElement.closest('.tinygrad-edu') != null")

    @property
    def focus_is_visible(self):
        return self.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"

    def has_button(self, label):
        playwright.expect(self.page.get_by_role("button", name=label, exact=True)).to_be_visible()
        return True

    def close(self):
        wrong = list(self.wrong)
        self.page.goto("about:blank")  # leaving a page ends its kernel
        self.page.close()
        assert wrong == []

    @property
    def kernel(self):
        """The address of what computes for this page."""
        settings = json.loads(self.page.locator("#jupyter-config-data").inner_text())
        return f"api/kernels/{settings['kernelId']}"


@pytest.fixture
def downhill(browser, downhill_server):
    page = Page(browser, downhill_server)
    yield page
    page.close()


@pytest.fixture
def playground(browser, playground_server):
    page = Page(browser, playground_server)
    yield page
    page.close()


PHONE = {"viewport": {"width": 375, "height": 720}, "has_touch": True, "is_mobile": True}


@pytest.fixture(params=["downhill", "playground"])
def server(request):
    return request.getfixturevalue(f"{request.param}_server")


# ---- downhill ----------------------------------------------------------------------------------------------------
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
    assert downhill.page.title() == "Roll downhill"
    assert shows(downhill, 3.0, 0)
    for steps in (1, 2, 3):
        downhill.press("Step")
        assert shows(downhill, descend(3.0, 0.1, steps), steps)
    downhill.slider("learning rate").focus()
    downhill.keys("ArrowRight", "ArrowRight")  # 0.12 from here on
    downhill.wait("rate", "0.12")
    downhill.press("Step")
    assert shows(downhill, descend(descend(3.0, 0.1, 3), 0.12, 1), 4)
    downhill.press("Reset")
    assert shows(downhill, 3.0, 0)


def test_a_run_comes_to_rest_in_the_lessons_minimum(downhill):
    downhill.press("Run")
    downhill.wait("verdict", "stuck in a local minimum at 1.8848")
    assert downhill.read("x") == "1.8848"
    assert downhill.has_button("Run")
    steps = int(downhill.read("step"))
    assert shows(downhill, descend(3.0, 0.1, steps), steps)


def test_a_run_is_paused_and_goes_on(downhill):
    downhill.slider("learning rate").focus()
    downhill.keys("Home")
    downhill.wait("rate", "0.01")
    downhill.press("Run")
    downhill.wait("verdict", "crawling")
    downhill.press("Pause")
    assert downhill.has_button("Run")
    steps = int(downhill.read("step"))
    downhill.press("Step")
    assert shows(downhill, descend(3.0, 0.01, steps + 1), steps + 1)  # and so not a step more was taken
    downhill.press("Run")
    downhill.page.wait_for_function(f"+document.querySelector('[data-name=step]').innerText > {steps + 2}")
    downhill.press("Reset")
    assert downhill.has_button("Run")
    assert shows(downhill, 3.0, 0)


def test_a_rate_that_is_too_large_is_seen_to_diverge(downhill):
    downhill.page.get_by_label("times", exact=True).select_option("10")
    downhill.page.get_by_role("slider", name="learning rate").focus()  # by the name that a screen reader says
    downhill.keys("End")
    downhill.wait("rate", "12")
    downhill.press("Run")
    downhill.wait("verdict", "diverged")
    assert downhill.has_button("Run")
    assert abs(downhill.number("x")) > 1000
    assert downhill.number("f(x)") == pytest.approx(f(downhill.number("x")), rel=1e-6)
    downhill.press("Reset")
    assert shows(downhill, 3.0, 0)


def test_a_slider_moved_while_it_runs(downhill):
    downhill.slider("learning rate").focus()
    downhill.keys("Home")
    downhill.wait("rate", "0.01")
    downhill.press("Run")
    downhill.slider("start").focus()
    downhill.keys("Home")  # the ball is put at −6, and rolls on
    downhill.page.wait_for_function("-6 < (x = +document.querySelector('[data-name=x]').innerText) && x < 0")
    downhill.press("Pause")
    assert downhill.has_button("Run")
    steps = int(downhill.read("step"))
    assert shows(downhill, descend(-6.0, 0.01, steps), steps)


def test_optimizers_are_chosen_from_a_list(downhill):
    downhill.page.get_by_label("optimizer", exact=True).select_option("momentum")
    downhill.press("Step")
    downhill.wait("step", "1")
    downhill.press("Step")
    first = -0.1 * slope(3.0)
    second = 0.9 * first - 0.1 * slope(3.0 + first)
    assert shows(downhill, 3.0 + first + second, 2)


def test_downhill_with_the_keyboard_alone(downhill):
    downhill.keys("Tab")
    while downhill.focus != "Step":
        downhill.keys("Tab")
    assert downhill.focus_is_visible
    for steps, key in enumerate(("Enter", "Space"), 1):
        downhill.keys(key)
        assert shows(downhill, descend(3.0, 0.1, steps), steps)
        assert downhill.focus == "Step"  # a new picture takes nothing away from under the fingers
    downhill.keys("Tab", "Space")
    assert downhill.has_button("Pause")
    assert downhill.focus == "Pause"
    downhill.keys("Space")
    assert downhill.has_button("Run")
    assert downhill.focus == "Run"
    downhill.keys("Tab", "Enter")
    assert shows(downhill, 3.0, 0)
    seen = []
    while downhill.focus_is_on_the_widget:
        assert downhill.focus_is_visible, downhill.focus
        seen.append(downhill.focus)
        downhill.keys("Tab")
    assert sum("noUi-handle" in one for one in seen) >= 2
    assert sum("sgd" in one for one in seen) == 1


# ---- the playground ----------------------------------------------------------------------------------------------
def test_forward_backward_and_update_give_the_lessons_numbers(playground):
    assert playground.page.title() == "A playground for the flip network"
    playground.press("Forward")
    playground.wait("loss", "0.8962500")
    assert playground.read("W2[2,1]") == "-0.4000"
    assert playground.read("gradient of W2[2,1]") == "·"
    playground.press("Backward")
    playground.wait("gradient of W1[0,2]", "0.4400")
    assert playground.page.locator(".tables td").count() == 31
    for name, gradient in {"b2[0]": -0.45, "b2[3]": -0.625, "W2[2,1]": -0.275, "W1[3,2]": 0.44, "W1[1,2]": 0}.items():
        assert playground.number(f"gradient of {name}") == pytest.approx(gradient, abs=6e-5)
    assert "31 of 31" in playground.page.locator("figure").nth(1).inner_text()
    playground.press("Update")
    playground.wait("step", "1")
    playground.press("Forward")
    playground.wait("loss", "0.7257526")
    playground.press("Reset")
    playground.press("Forward")
    playground.wait("loss", "0.8962500")


def test_stage_by_stage_with_the_keyboard_alone(playground):
    playground.keys("Tab")
    while playground.focus != "Next stage":
        playground.keys("Tab")
    for arrived in (0, 0, 0, 4, 16, 19, 31):
        playground.keys("Enter")
        playwright.expect(playground.page.locator("figure").nth(1)).to_contain_text(f"{arrived} of 31")
        assert playground.focus == "Next stage"
        assert playground.focus_is_visible
    playground.keys("Enter")
    playground.wait("step", "1")


def test_an_image_is_drawn(playground):
    playground.page.get_by_title("pixel 1").focus()
    playground.keys("Space")  # 1 1 1 1 now
    playwright.expect(playground.page.get_by_label("image", exact=True)).to_have_value("15: 1 1 1 1")
    playwright.expect(playground.page.locator(":focus")).to_have_text("1")  # the pixel, which has changed
    assert playground.focus_is_visible
    playground.press("Forward")
    # By hand: the columns of W1 and b1 add up to −0.3, 0.3 and 0.3, and ReLU makes 0 of the first.
    playwright.expect(playground.page.locator("figure").nth(0)).to_have_attribute(
        "aria-label", re.compile("Image 1, 1, 1, 1; target 1, 1, 1, 1. Hidden units 0, 0.3, 0.3.")
    )


def test_three_units_stay_above_the_floor_and_four_do_not(playground):
    playground.page.get_by_label("learn from", exact=True).select_option("all 16 images")
    playground.wait("floor", "0.0625")
    playground.press("Train")
    playground.page.wait_for_function("+document.querySelector('[data-name=step]').innerText > 500")
    playground.press("Pause")
    assert playground.has_button("Train")
    assert playground.number("loss") > 0.0625
    playground.page.get_by_label("hidden units", exact=True).select_option("4")
    playground.wait("weights", "random, seed 0")
    assert playground.page.locator(".tables td").count() == 40
    playground.press("Train")
    playground.wait("images right", "16 of 16")
    assert playground.number("loss") < 0.0625
    playground.press("Pause")


# ---- any page ----------------------------------------------------------------------------------------------------
def test_a_phone_does_not_scroll_sideways(browser, server):
    page = Page(browser, server, **PHONE)
    sideways = """[...document.querySelectorAll('*')]
        .filter(part => part.clientWidth && part.scrollWidth > part.clientWidth + 1)
        .filter(part => getComputedStyle(part).overflowX != 'visible')
        .map(part => part.className)
    """
    assert page.page.evaluate("document.documentElement.scrollWidth") == 375
    assert page.page.evaluate(sideways) == []
    for figure in page.page.locator("figure").all():
        box = figure.bounding_box()
        assert box["x"] >= 0
        assert 300 < box["width"] <= 375
    page.close()


def luminance(colour):
    """How bright a CSS colour is, as WCAG 2 defines it."""
    shares = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_letters_stand_out_from_the_page_by_day_and_by_night(browser, server):
    page = Page(browser, server)
    for scheme in ("light", "dark"):
        page.page.emulate_media(color_scheme=scheme)
        back = luminance(page.page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert (back > 0.5) == (scheme == "light")
        for part, drawn_with in ((".readouts b", "color"), (".tinygrad-edu label", "color"), ("figure text", "fill")):
            found = page.page.locator(part).first.evaluate(f"part => getComputedStyle(part).{drawn_with}")
            letters = luminance(found)
            assert (max(letters, back) + 0.05) / (min(letters, back) + 0.05) > 7, (scheme, part)
    page.close()


def test_the_watcher_sees_errors_and_requests_to_other_machines(browser, downhill_server):
    page = Page(browser, downhill_server)
    page.page.evaluate("console.error('planted')")
    page.page.evaluate("fetch('http://other.invalid/font.css').catch(() => 0)")
    assert "planted" in page.wrong
    assert "elsewhere: http://other.invalid/font.css" in page.wrong
    page.wrong.clear()
    page.close()


def test_sliders_have_names_that_a_screen_reader_says(browser, server):
    page = Page(browser, server)
    handles = page.page.locator(".noUi-handle")
    assert handles.count() > 0
    for handle in handles.all():
        label = handle.locator("xpath=ancestor::*[contains(@class, 'widget-slider')]").locator("label").inner_text()
        assert label
        playwright.expect(handle).to_have_accessible_name(label)
    page.close()


# ---- the server --------------------------------------------------------------------------------------------------
def test_the_server_and_its_kernels_keep_to_this_machine_and_end(browser):
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
        server = Server("playground", "--port", str(port))
    found = int(re.search(r":(\d+)/", server.url)[1])
    assert found != port
    request = urllib.request.Request(server.url, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    refused.value.close()
    assert refused.value.code == 403
    if sys.platform == "linux":  # there, an address of this machine at which "localhost" does not listen
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", found))
    page = Page(browser, server)
    kernel = server.url + page.kernel
    assert page.page.request.get(kernel).ok
    page.close()  # and so the kernel ends
    with contextlib.closing(browser.new_page()) as other:
        for _ in range(600):
            if other.request.get(kernel).status == 404:
                break
            other.wait_for_timeout(100)
        assert other.request.get(kernel).status == 404
    code, errors = server.stop(signal.SIGTERM)
    assert code == 0
    assert "evil.example" in errors
    assert "Traceback" not in errors


def test_the_page_is_opened_in_the_browser(tmp_path):
    told = tmp_path / "told"
    opener = tmp_path / "opener"
    opener.write_text(f'#!/bin/sh\necho "$1" > "{told}.new" && mv "{told}.new" "{told}"\n', encoding="utf-8")
    opener.chmod(0o755)
    server = Server("downhill", BROWSER=f"{opener} %s")
    for _ in range(PATIENCE // 100):
        if told.exists():
            break
        time.sleep(0.1)
    leads_there = Path(urllib.request.url2pathname(told.read_text(encoding="utf-8").strip().removeprefix("file:")))
    assert server.url in leads_there.read_text(encoding="utf-8")
    assert server.stop() == (0, "")


def test_a_kernel_of_another_python_is_not_taken(browser, tmp_path):
    """`ipykernel install --user`, in whichever environment, registers one that may not have this package at all."""
    other = tmp_path / "kernels" / "python3"
    other.mkdir(parents=True)
    false = {"argv": [sys.executable, "-c", "pass"], "display_name": "other", "language": "python"}
    (other / "kernel.json").write_text(json.dumps(false), encoding="utf-8")
    server = Server("downhill", JUPYTER_DATA_DIR=str(tmp_path), JUPYTER_PREFER_ENV_PATH="0")
    Page(browser, server).close()
    assert server.stop() == (0, "")
