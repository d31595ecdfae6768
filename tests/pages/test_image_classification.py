"""The page of images, in a real browser: photographs, uploads, four views, files and links."""

import io
import re
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from explainers.export.serialize import from_json
from explainers.inputs.images import PHOTOGRAPHS
from tests.pages.conftest import collect_problems
from tests.support import page_actions
from tests.support.browser import Server
from tests.support.image_models import make_image_model

CAT = PHOTOGRAPHS[0]
ONE_FIGURE = """count => {
  const [plot, ...others] = document.querySelectorAll(".js-plotly-plot");
  return plot && !others.length && (plot.layout.images?.length ?? 0) === count;
}"""  # Streamlit keeps the previous figure for a moment


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a tiny convolutional model with three classes."""
    place = tmp_path_factory.mktemp("model")
    model, processor = make_image_model("resnet")
    model.config.id2label = {0: "cat", 1: "dog", 2: "cow"}
    model.config.label2id = {"cat": 0, "dog": 1, "cow": 2}
    model.save_pretrained(place)
    processor.save_pretrained(place)
    return place


@pytest.fixture
def opened(page: Page, server: Server, folder: Path) -> Page:
    page.goto(
        f"{server.url}/image_classification?{urlencode({'model': str(folder), 'method': 'occlusion', 'patch': 8})}"
    )
    expect(page.get_by_role("button", name="Explain", exact=True)).to_be_visible()
    return page


def explain_photograph(page: Page, title: str) -> None:
    """Click an example photograph, and wait for its result."""
    page.get_by_role("button", name=title).click()
    page_actions.wait_for_sentence(page, "The model")
    expect(page.get_by_text(f"Photograph: {title}")).to_be_visible()


def explain_upload(page: Page, name: str, data: bytes) -> None:
    kind = "image/jpeg" if name.endswith("jpg") else "image/png"
    page.locator('input[type="file"]').set_input_files({"name": name, "mimeType": kind, "buffer": data})
    expect(page.get_by_text(name)).to_be_visible()
    page.get_by_role("button", name="Explain", exact=True).click()


def find_figure(page: Page) -> Locator:
    return page.locator(".js-plotly-plot")


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def test_a_click_on_a_photograph_shows_its_heatmap_and_its_author(opened):
    expect(
        opened.get_by_role("button", name=re.compile("cat|pizza|sign|dog|laptop|clock|gull|Broccoli"))
    ).to_have_count(len(PHOTOGRAPHS))
    explain_photograph(opened, CAT.title)
    expect(opened.get_by_text(f"Photograph: {CAT.credit}")).to_be_visible()
    expect(find_figure(opened)).to_be_visible()
    expect(opened.get_by_role("combobox", name="Method")).to_have_value("Occlusion")
    expect(opened.get_by_role("spinbutton", name="Patch")).to_have_value("8")
    expect(opened.get_by_role("combobox", name="Level")).to_have_count(0)  # a setting of texts


def test_four_views_are_drawn_and_switching_them_computes_nothing(opened):
    explain_photograph(opened, CAT.title)
    meter = opened.locator(".wf-meter").inner_text()
    for view, count in (("Heatmap", 0), ("Masked image", 1), ("Alpha scaling", 1), ("Overlay", 1)):
        opened.get_by_role("radio", name=view).click()
        expect(opened.locator(f'[aria-label^="{view} of 32 rows"]').first).to_be_attached()
        opened.wait_for_function(ONE_FIGURE, arg=count)
    opened.get_by_text("Side by side").click()
    opened.wait_for_function(ONE_FIGURE, arg=2)
    assert opened.locator(".wf-meter").inner_text() == meter


def test_pointing_at_the_picture_shows_the_place_and_its_score(opened):
    explain_photograph(opened, CAT.title)
    opened.wait_for_function(ONE_FIGURE, arg=1)
    find_figure(opened).scroll_into_view_if_needed()
    box = find_figure(opened).bounding_box()
    for step in (0, 3, 6):
        opened.mouse.move(box["x"] + box["width"] / 2 + step, box["y"] + box["height"] / 3 + step)
    tip = find_figure(opened).locator(".hoverlayer")
    expect(tip).to_contain_text(re.compile(r"right \d+, down \d+"))
    expect(tip).to_contain_text(re.compile(r"[+−]?\d+( × 10)?"))


def test_a_click_on_another_label_explains_it(opened):
    explain_photograph(opened, CAT.title)
    pills = opened.get_by_role("radio", name=re.compile(r"(cat|dog|cow) [\d.]+ %"))
    expect(pills).to_have_count(3)
    second = pills.nth(1).inner_text().split()[0]
    pills.nth(1).click()
    page_actions.wait_for_sentence(opened, second)
    expect(opened.get_by_role("combobox", name="Explain", exact=True)).to_have_value(second)


def test_png_json_and_html_files_contain_the_result(opened, tmp_path, browser: Browser):
    explain_photograph(opened, CAT.title)
    for kind in ("PNG", "JSON", "HTML"):
        with opened.expect_download() as download:
            opened.get_by_role("button", name=f"Download {kind}").click()
        download.value.save_as(tmp_path / f"result.{kind.lower()}")
    with Image.open(tmp_path / "result.png") as drawn:
        assert drawn.size == (451, 300)
    explanation = from_json((tmp_path / "result.json").read_text())
    assert explanation.grid == (32, 32)
    assert explanation.request.pictures["image"].sha256 == CAT.picture.sha256
    context = browser.new_context(offline=True)
    alone, problems = context.new_page(), []
    collect_problems(alone, problems)
    alone.goto((tmp_path / "result.html").as_uri())
    assert alone.locator("img").count() == 4
    assert alone.locator("img").evaluate_all("all => all.every(image => image.naturalWidth > 100 && image.alt)")
    sentence = opened.get_by_role("status").inner_text()
    assert alone.get_by_text(re.compile("^The model predicts")).inner_text() == sentence
    context.close()
    assert [problem for problem in problems if "file://" not in problem] == []


def test_a_link_restores_a_photograph_and_its_settings(opened, browser: Browser):
    explain_photograph(opened, CAT.title)
    said = opened.get_by_role("status").inner_text()
    opened.get_by_role("button", name="Copy link").click()
    body = opened.get_by_test_id("stPopoverBody")
    expect(body).not_to_contain_text("contains your text")
    address = body.locator("code").inner_text()
    assert parse_qs(urlsplit(address).query)["im.image"] == [CAT.picture.sha256]
    context = browser.new_context()
    guest, problems = context.new_page(), []
    collect_problems(guest, problems)
    guest.goto(address)
    expect(guest.get_by_role("status")).to_have_text(said)
    context.close()
    assert problems == []


def test_an_upload_is_explained_and_cannot_be_in_a_link(opened):
    explain_upload(opened, "mine.png", encode(Image.effect_noise((90, 60), 80).convert("RGBA")))
    page_actions.wait_for_sentence(opened, "The model")
    expect(opened.get_by_text("Photograph:")).to_have_count(0)
    assert "im.image" not in opened.url
    opened.get_by_role("button", name="Copy link").click()
    expect(opened.get_by_text("A link cannot contain your image")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("broken.png", b"no image at all", "damaged"),
        (
            "cut.jpg",
            (lambda data: data[: len(data) // 2])(encode(Image.effect_noise((300, 200), 50), "JPEG")),
            "damaged",
        ),
        ("bomb.png", encode(Image.new("1", (9_000, 9_000))), "50 million pixels"),
        ("vector.png", b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "SVG"),
    ],
)
def test_an_unreadable_file_is_refused_and_the_page_goes_on(opened, name, data, said):
    explain_upload(opened, name, data)
    expect(opened.get_by_test_id("stAlert")).to_contain_text(said)
    explain_photograph(opened, CAT.title)


def test_forty_megapixels_are_explained(opened):
    explain_upload(
        opened, "large.jpg", encode(Image.effect_noise((800, 500), 60).resize((8_000, 5_000)), "JPEG", quality=60)
    )
    page_actions.wait_for_sentence(opened, "The model")
    expect(find_figure(opened)).to_be_visible()


def test_grad_cam_explains_a_label_rather_than_another(opened):
    explain_photograph(opened, CAT.title)
    page_actions.choose(opened, "Method", "Grad-CAM")
    page_actions.choose(opened, "Rather than", 2)
    opened.get_by_role("button", name="Explain", exact=True).click()
    why = re.compile(r"\w+.* rather than \w+")  # Streamlit keeps the previous sentence for a moment
    expect(opened.get_by_role("status").filter(has_text=why)).to_be_visible()
    expect(opened.locator(".wf-meter").filter(has_text="1 backward")).to_be_visible()


def test_at_the_width_of_a_phone_nothing_scrolls_sideways(opened):
    opened.set_viewport_size({"width": 360, "height": 740})
    explain_photograph(opened, CAT.title)
    expect(find_figure(opened)).to_be_visible()
    wide = "main => [main.scrollWidth, main.clientWidth]"
    scrolled, shown = opened.get_by_test_id("stMain").evaluate(wide)
    assert scrolled <= shown == 360


def test_the_bundled_classifier_recognises_a_cat(page, server):
    page.goto(f"{server.url}/image_classification?method=grad_cam")
    page.get_by_role("button", name=CAT.title).click()
    page_actions.wait_for_sentence(page, re.compile(r"(Egyptian cat|tabby|tiger cat)"))
    expect(page.get_by_role("radio", name=re.compile(r"(cat|tabby).* %"))).not_to_have_count(0)
