"""One contract for every kind of place: a file becomes whole there, or the reason is told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from capture.errors import BadInput, DeliveryError
from capture.library.delivery.opening import open_place
from capture.library.delivery.place import Place, place_of
from capture.library.delivery.remote import PART, Remote, put_whole
from tests.capture.library.delivery.servers import (
    PASSWORD,
    USER,
    Trouble,
    certificate,
    ftp_server,
    sftp_server,
)

KINDS = ("folder", "ftp", "ftps", "sftp")


@dataclass
class There:
    """A place, and the folder behind it."""

    place: Place
    folder: Path
    trouble: Trouble | None = None

    def put(self, source: Path, name: str, *, begun: bool = False) -> int:
        remote = open_place(self.place)
        try:
            return put_whole(remote, source, name, begun=begun)
        finally:
            remote.close()


@pytest.fixture(params=KINDS)
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[There]:
    yield from opened(request.param, tmp_path)


def opened(kind: str, tmp_path: Path) -> Iterator[There]:
    folder, secrets = tmp_path / "there", tmp_path / "secrets"
    (folder / "in").mkdir(parents=True)
    secrets.mkdir()
    if kind == "folder":
        yield There(place_of(str(folder / "in")), folder / "in")
    elif kind == "sftp":
        with sftp_server(folder, secrets) as (port, known):
            place = Place("sftp", "/in", "127.0.0.1", port, USER, PASSWORD, trusted=known)
            yield There(place, folder / "in")
    else:
        tls = certificate(secrets) if kind == "ftps" else None
        with ftp_server(folder, tls=tls) as (port, trouble):
            place = Place(kind, "in", "127.0.0.1", port, USER, PASSWORD, trusted=tls)  # type: ignore[arg-type]
            yield There(place, folder / "in", trouble)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "frame.fits"
    file.write_bytes(os.urandom(300_000))
    return file


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_file_arrives_whole_in_folders_that_are_made_for_it(there: There, source: Path) -> None:
    assert there.put(source, "2026-11-21/T1/raw/frame.fits") == 300_000
    assert files(there.folder) == ["2026-11-21/T1/raw/frame.fits"]
    assert (there.folder / "2026-11-21/T1/raw/frame.fits").read_bytes() == source.read_bytes()


def test_an_empty_file_arrives_too(there: There, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    there.put(empty, "empty")
    assert files(there.folder) == ["empty"]


def test_what_arrived_before_a_cut_is_not_sent_again_but_for_its_end(there: There, source: Path) -> None:
    cut = source.read_bytes()[:200_000]
    # What a dying connection leaves may end in rubbish.
    (there.folder / f"frame.fits{PART}").write_bytes(cut[:-100] + bytes(100))
    sent = there.put(source, "frame.fits", begun=True)
    assert sent < 200_000
    assert (there.folder / "frame.fits").read_bytes() == source.read_bytes()
    assert files(there.folder) == ["frame.fits"]


def test_a_part_that_is_not_ours_is_not_gone_on_with(there: There, source: Path) -> None:
    (there.folder / f"frame.fits{PART}").write_bytes(bytes(200_000))
    assert there.put(source, "frame.fits") == 300_000
    assert (there.folder / "frame.fits").read_bytes() == source.read_bytes()


def test_a_part_that_is_longer_than_the_file_is_sent_anew(there: There, source: Path) -> None:
    (there.folder / f"frame.fits{PART}").write_bytes(bytes(400_000))
    there.put(source, "frame.fits", begun=True)
    assert (there.folder / "frame.fits").read_bytes() == source.read_bytes()


def test_what_has_arrived_already_is_not_sent_again(there: There, source: Path) -> None:
    there.put(source, "frame.fits")
    assert there.put(source, "frame.fits", begun=True) == 0


def test_a_newer_file_takes_the_place_of_an_older_one(there: There, source: Path, tmp_path: Path) -> None:
    there.put(source, "manifest.json")
    newer = tmp_path / "newer"
    newer.write_bytes(os.urandom(300_000))
    there.put(newer, "manifest.json")
    assert (there.folder / "manifest.json").read_bytes() == newer.read_bytes()
    assert files(there.folder) == ["manifest.json"]


def test_a_place_that_has_gone_is_told_and_not_made(there: There, source: Path) -> None:
    (there.folder).rmdir()
    with pytest.raises(DeliveryError):
        there.put(source, "T1/frame.fits")
    assert not there.folder.exists()


def test_a_source_that_has_gone_is_told(there: There, source: Path) -> None:
    source.unlink()
    with pytest.raises(DeliveryError, match=r"frame\.fits cannot be read any more") as told:
        there.put(source, "frame.fits")
    assert told.value.needs_a_person


@pytest.mark.parametrize("there", ["ftp", "ftps", "sftp"], indirect=True)
class TestASignIn:
    def test_with_a_wrong_password_needs_a_person_who_is_not_shown_it(self, there: There) -> None:
        with pytest.raises(DeliveryError, match="refused") as told:
            open_place(replace(there.place, secret="wrong word"))
        assert told.value.needs_a_person
        assert "wrong word" not in str(told.value) + repr(there.place) + repr(told.value)

    def test_at_a_server_that_is_down_is_worth_another_try(self, there: There) -> None:
        with pytest.raises(DeliveryError) as told:
            open_place(replace(there.place, port=1))
        assert not told.value.needs_a_person


@pytest.mark.parametrize("there", ["ftps", "sftp"], indirect=True)
def test_a_server_that_is_not_who_it_should_be_gets_no_password(there: There, tmp_path: Path) -> None:
    stranger = tmp_path / "nobody_known"
    stranger.mkdir()
    if there.place.scheme == "ftps":
        trusted = certificate(stranger)
    else:
        trusted = stranger / "known_hosts"
        trusted.touch()
    with pytest.raises(DeliveryError, match=r"not believed|not known") as told:
        open_place(replace(there.place, trusted=trusted))
    assert told.value.needs_a_person


def arrived(there: There, source: Path, *, begun: bool) -> bool:
    try:
        there.put(source, "frame.fits", begun=begun)
    except DeliveryError as error:
        if error.needs_a_person:
            raise
        return False
    return True


@pytest.mark.parametrize("there", ["ftp", "ftps"], indirect=True)
def test_a_server_that_cuts_every_64_kib_gets_the_whole_file_in_the_end(there: There, source: Path) -> None:
    assert there.trouble is not None
    source.write_bytes(os.urandom(1_000_000))
    there.trouble.cuts = 1000
    attempts = 1
    while not arrived(there, source, begun=attempts > 1):
        assert files(there.folder) == [f"frame.fits{PART}"]
        attempts += 1
        assert attempts < 40
    assert attempts > 5
    assert max(there.trouble.offsets) > 800_000
    assert (there.folder / "frame.fits").read_bytes() == source.read_bytes()


class Forgetful(Remote):
    """A server that loses the end of what it is sent."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def size(self, name: str) -> int | None:
        return 299_999

    def send(self, source: object, name: str, offset: int) -> None:
        pass

    def rename(self, name: str, new_name: str) -> None:
        self.names.append(new_name)

    def make_folder(self, name: str) -> None:
        pass

    def close(self) -> None:
        pass


def test_what_arrived_with_another_size_never_gets_its_name(source: Path) -> None:
    remote = Forgetful()
    with pytest.raises(DeliveryError, match="arrived with 299999 bytes instead of 300000"):
        put_whole(remote, source, "frame.fits")
    assert remote.names == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a place is empty"),
        ("http://x/y", "a place is a folder, ftp://, ftps:// or sftp://"),
        ("ftp://ada:secret@x/y", r"the place 'ftp://ada@x/y' has a password in it"),
        ("ftp:///y", "is no address of a place"),
        ("ftp://x:99999/y", "is no address of a place"),
        ("sftp://x/a/../../etc", "climbs out"),
        ("ftp://x/a%0d%0aDELE b", "is no address of a place"),
    ],
)
def test_an_address_that_cannot_be_is_refused_with_what_would_be_right(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as told:
        place_of(text)
    assert "secret" not in str(told.value)


def test_a_password_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("x\n")
    file.chmod(0o644)
    with pytest.raises(BadInput, match="chmod 600"):
        place_of("ftp://ada@x/y", password_file=file)
    file.chmod(0o600)
    assert place_of("ftp://ada@x/y", password_file=file).secret == "x"
