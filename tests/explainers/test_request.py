"""Requests, and the links that hold them."""

import base64
import hashlib
import io
import json
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from explainers.errors import BadRequest, LimitReached
from explainers.request import Picture, Request, Target, pack, unpack
from tests.support.sentences import HOSTILE


def request(**changes):
    plain = {"task": "text_classification", "model": "sentiment", "inputs": {"text": "good film"}}
    return Request(**plain | changes)


REQUESTS = [
    request(),
    request(target="POSITIVE"),
    request(target=1),
    request(target=Target("1 star", foil="5 stars"), seed=3),
    request(target=Target("PER", position=4)),
    request(task="image_classification", inputs={"image": b"bytes of an image"}, target=3),
    request(params={"tolerance": 1e-3, "norm": "L2", "flag": True}, method="saliency"),
    *[request(inputs={"text": text}) for text in HOSTILE.values()],
]


@pytest.mark.parametrize("asked", REQUESTS, ids=lambda asked: str(asked.inputs)[:40])
def test_a_request_comes_back_equal_from_its_query_and_from_its_link(asked):
    assert Request.from_query(asked.to_query()) == asked
    assert Request.from_query(pack(asked.to_query())) == asked
    assert hash(Request.from_query(asked.to_query())) == hash(asked)


def test_a_label_that_is_a_number_stays_a_label():
    assert Request.from_query(request(target="2").to_query()).target == Target(label="2")
    assert Request.from_query(request(target=2).to_query()).target == Target(index=2)


def test_equal_settings_make_equal_requests_however_they_are_written():
    assert request(params={"a": 0.001, "b": 5.0}) == request(params={"b": "5", "a": "0.001"})


def test_a_link_carries_no_text_in_the_clear():
    link = pack(request(inputs={"text": "confidential"}).to_query())
    assert "confidential" not in str(link)


def test_a_setting_cannot_replace_a_field_of_the_request():
    with pytest.raises(BadRequest, match="'seed'"):
        request(params={"seed": 3})


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("text", {"inputs": {"text": "caf\udce9 is"}}),
        ("baseline_text", {"params": {"baseline_text": "caf\udce9 is"}}),
        ("target", {"target": "caf\udce9"}),
        ("foil", {"target": Target(foil="caf\udce9")}),
        ("model", {"model": "caf\udce9"}),
    ],
)
def test_half_a_surrogate_pair_is_refused_with_its_place_and_code(name, changes):
    with pytest.raises(BadRequest, match=f"Character 4 of the {name} is U\\+DCE9"):
        request(**changes)
    assert request(inputs={"text": "caf\u00e9 \U0001f600"}).texts["text"] == "caf\u00e9 \U0001f600"


@pytest.mark.parametrize("damaged", ["", "!!!", "AAAA", "eJw", "é", "x" * 1000])
def test_a_damaged_link_is_refused(damaged):
    with pytest.raises(BadRequest, match="damaged"):
        unpack({"z": damaged})


def test_a_link_that_unpacks_to_too_much_is_refused_before_it_is_unpacked():
    bomb = base64.urlsafe_b64encode(zlib.compress(b'{"in.text":"' + b"a" * 50_000_000 + b'"}')).decode()
    with pytest.raises(LimitReached, match="1,000,000"):
        unpack({"z": bomb})


@pytest.mark.parametrize("content", [[], "text", {"in.text": 5}, {"in.text": ["a"]}])
def test_a_link_with_anything_but_texts_is_refused(content):
    link = base64.urlsafe_b64encode(zlib.compress(json.dumps(content).encode())).decode()
    with pytest.raises(BadRequest, match="not in Wherefore's format"):
        unpack({"z": link})


def test_extra_values_packed_into_a_link_are_dropped():
    smuggled = {"in.text": "a", "model": "evil/model"}
    link = base64.urlsafe_b64encode(zlib.compress(json.dumps(smuggled).encode())).decode()
    assert unpack({"z": link, "model": "sentiment"}) == {"in.text": "a", "model": "sentiment"}


@pytest.mark.parametrize("query", [{"seed": "-1"}, {"seed": "1e3"}, {"index": "٣"}, {"index": "9" * 30}])
def test_numbers_in_a_link_are_checked(query):
    with pytest.raises(BadRequest, match="whole number"):
        Request.from_query(query)


@pytest.mark.parametrize("seed", [-1, 1_000_000_000])
def test_a_seed_beyond_64_bits_is_refused(seed):
    with pytest.raises(BadRequest, match="999,999,999"):
        request(seed=seed)


def test_inputs_must_be_texts_or_images():
    with pytest.raises(BadRequest, match="neither text nor an image"):
        request(inputs={"text": 5})


def test_a_picture_is_equal_by_its_bytes(tmp_path):
    image = Image.new("RGB", (3, 2), "red")
    image.save(tmp_path / "red.png")
    file = (tmp_path / "red.png").read_bytes()
    from_bytes, from_path, from_image = (
        request(inputs={"image": given}).pictures["image"] for given in (file, tmp_path / "red.png", image)
    )
    assert from_bytes == from_path
    assert from_path.data == file
    assert from_bytes.sha256 == hashlib.sha256(file).hexdigest()
    assert Image.open(io.BytesIO(from_image.data)).getpixel((2, 1)) == (255, 0, 0)


def test_a_link_names_an_image_and_does_not_hold_it():
    query = request(inputs={"image": b"secret bytes"}).to_query()
    assert query["im.image"] == hashlib.sha256(b"secret bytes").hexdigest()
    assert Request.from_query(query).pictures["image"].data == b""


@pytest.mark.parametrize("name", ["", "abc", "../../etc/passwd", "A" * 64])
def test_an_image_key_must_be_a_sha256(name):
    with pytest.raises(BadRequest):
        Request.from_query({"task": "image_classification", "model": "objects", "im.image": name})


WHOLE = [np.int64(2), np.uint8(2), torch.tensor(2), torch.tensor([2]), 2.0, np.float32(2), np.array(2), np.array([2])]


@pytest.mark.parametrize("two", WHOLE, ids=repr)
def test_a_whole_number_of_numpy_or_torch_is_an_index(two):
    target = request(target=two).target
    assert target == Target(index=2) == Target(index=two)
    assert type(target.index) is int
    assert Target(position=two) == Target(position=2)
    assert request(seed=two) == request(seed=2)
    assert hash(request(seed=two, target=two)) == hash(request(seed=2, target=2))


NO_INDEX = [[2], [0, 1], (1,), 1.5, float("nan"), float("inf"), True, np.bool_(True), np.arange(3), torch.arange(2), {}]


@pytest.mark.parametrize("wrong", [*NO_INDEX, b"A", object], ids=repr)
def test_a_target_that_is_no_class_is_refused_with_its_value(wrong):
    with pytest.raises(BadRequest, match=re.escape(" ".join(repr(wrong).split())[:20])):
        request(target=wrong)


@pytest.mark.parametrize("wrong", [None, 1.5, [3], "3"], ids=repr)
def test_a_seed_that_is_no_whole_number_is_refused(wrong):
    with pytest.raises(BadRequest, match=f"seed.*{re.escape(repr(wrong))}"):
        request(seed=wrong)


def test_a_label_is_text():
    assert request(target=np.str_("good")).target == Target("good")
    assert type(Target(np.str_("good")).label) is str
    assert Target(label=0.5, foil=np.int64(3)) == Target("0.5", foil="3")
    with pytest.raises(BadRequest, match=r"label.*\['good'\]"):
        Target(label=["good"])


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (np.float32(0.01), "0.01"),
        (np.float64(0.01), "0.01"),
        (np.float16(0.5), "0.5"),
        (torch.tensor(0.01), "0.01"),
        (torch.tensor(0.5, dtype=torch.bfloat16), "0.5"),
        (torch.tensor(0.01, dtype=torch.float64), "0.01"),
        (np.int64(20), "20"),
        (torch.tensor(20), "20"),
        (np.array(20.0), "20"),
        (np.bool_(True), "true"),
        (torch.tensor(False), "false"),
        (np.str_("pad"), "pad"),
    ],
    ids=repr,
)
def test_a_setting_of_numpy_or_torch_is_the_number_that_it_is(given, text):
    assert request(params={"a": given}).options == {"a": text}


@pytest.mark.parametrize("wrong", [None, [1], np.arange(3), {"a": 1}], ids=repr)
def test_a_setting_that_is_no_single_value_is_refused(wrong):
    with pytest.raises(BadRequest, match="must be text, a number, true or false, not"):
        request(params={"a": wrong})


PIXELS = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)


def read(given) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(Picture.of(given).data)))


@pytest.mark.parametrize(
    "given",
    [
        PIXELS,
        PIXELS.transpose(2, 0, 1),
        torch.from_numpy(PIXELS),
        torch.from_numpy(PIXELS).permute(2, 0, 1),
        PIXELS.astype(np.int64),
        Image.fromarray(PIXELS),
    ],
    ids=lambda given: f"{type(given).__name__} {getattr(given, 'shape', '')}",
)
def test_an_array_of_pixels_is_the_image_that_transformers_reads(given):
    np.testing.assert_array_equal(read(given), PIXELS)
    assert request(inputs={"image": given}).pictures["image"] == Picture.of(given)


def test_a_grey_array_has_one_channel_or_none():
    for grey in (PIXELS[..., 0], PIXELS[..., :1], PIXELS[None, ..., 0]):
        np.testing.assert_array_equal(read(grey), PIXELS[..., 0])


@pytest.mark.parametrize(
    "wrong",
    [
        PIXELS / 255.0,
        torch.rand(3, 4, 4),
        torch.rand(3, 4, 4, dtype=torch.bfloat16),
        PIXELS.astype(np.int32) - 1,
        PIXELS.astype(np.uint16) * 257,
        PIXELS > 9,
        PIXELS[None],
        PIXELS[..., :2],
        PIXELS[0, 0],
        PIXELS[:0],
    ],
    ids=lambda wrong: f"{wrong.dtype} {tuple(wrong.shape)}",
)
def test_an_array_that_is_no_image_of_a_file_is_refused_with_its_shape_and_type(wrong):
    with pytest.raises(BadRequest, match=re.escape(f"shape {tuple(wrong.shape)} and type {wrong.dtype}")):
        Picture.of(wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("none.jpg", "'none.jpg' cannot be read: No such file"),
        (Path("none.jpg"), "'none.jpg' cannot be read: No such file"),
        (Path(__file__).parent, "cannot be read: Is a directory"),
        ("a\0b", "cannot be read"),
        (b"", "file is empty"),
        ([Image.new("RGB", (3, 3))], "cannot be .*Image.* Give one image"),
        (None, "cannot be None"),
        (Image.new("RGB", (0, 3)), "0 × 3 pixels"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_image_is_refused_by_name(wrong, said):
    with pytest.raises(BadRequest, match=said):
        Picture.of(wrong)


def test_a_pil_image_whose_file_is_closed_is_refused():
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "PNG")
    image = Image.open(file)
    file.close()
    with pytest.raises(BadRequest, match="mode RGB"):
        Picture.of(image)


def test_a_text_never_opens_a_file(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    assert request(inputs={"image": str(tmp_path / "a.png")}).pictures == {}
    assert Picture.of(str(tmp_path / "a.png")) == Picture.of(tmp_path / "a.png")
