"""Make the README's two screenshots, light and dark: the text classification page with its first example explained.

Run it with `python -m tools.screenshot` once requirements-dev.txt is installed.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from explainers import TASKS
from tests.support.browser import FLAGS, find_chromium, start_server

ASSETS = Path(__file__).parent.parent / "assets"
FILES = {"light": "screenshot.png", "dark": "screenshot-dark.png"}
SIZE = {"width": 1200, "height": 940}
MOST_BYTES, COLOURS = 200_000, 256
PATIENCE = 300_000  # milliseconds: the first explanation may have to fetch weights


def main() -> None:
    """Start a server and a browser of our own, and write both pictures."""
    with (
        TemporaryDirectory() as folder,
        start_server(Path(folder)) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        for scheme, name in FILES.items():
            shoot(browser, f"{server.url}/text_classification", scheme, ASSETS / name)
        browser.close()


def shoot(browser: Browser, address: str, scheme: str, file: Path) -> None:
    """Save a screenshot in one colour scheme, with at most COLOURS colours."""
    page = browser.new_page(viewport=SIZE, color_scheme=scheme, device_scale_factor=1.5)
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    explain_an_example(page)
    page.screenshot(path=file)
    page.close()
    with Image.open(file) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
    if (size := file.stat().st_size) > MOST_BYTES:
        raise SystemExit(f"{file.name} has {size:,} bytes, and {MOST_BYTES:,} are allowed. Make the picture smaller.")


def explain_an_example(page: Page) -> None:
    """Click the second example, which loads the model, then the first; take the pointer and the focus away."""
    for example in TASKS["text_classification"].examples[1::-1]:
        page.get_by_role("radio", name=example.label, exact=True).or_(
            page.get_by_role("button", name=example.label, exact=True)
        ).first.click()
        words = dict(example.inputs)["text"].split()
        page.locator(".wf-map", has_text=" ".join(words[:3])).first.wait_for()
        page.locator(".wf-meter").first.wait_for()
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(1500)  # the widgets' own transitions


if __name__ == "__main__":
    main()
