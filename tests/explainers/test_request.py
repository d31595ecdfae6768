"""Requests, and the links that hold them."""

import base64
import hashlib
import io
import json
import zlib

import pytest
from PIL import Image

from explainers.errors import BadRequest, LimitReached
from explainers.request import Request, Target, pack, unpack
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
