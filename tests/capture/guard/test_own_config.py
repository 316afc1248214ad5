"""The guard reads its own part of the config: what is wrong elsewhere keeps no roof unguarded."""

from __future__ import annotations

from pathlib import Path

import pytest

from capture.errors import BadInput
from capture.guard.own_config import GuardsConfig, load_guards_config

CONFIG = """
[site]
name = "Hill"
latitude_deg = 32.9
longitude_deg = -105.5
elevation_m = 2225
time_zone = "America/Denver"
[storage]
folder = "data"
[roof]
dome = "127.0.0.1:11111/0"
mode = "operate"
if_park_fails = "close"
safety_monitors = ["127.0.0.1:11111/0"]
[guard]
folder = "night watch"
[timeouts]
read_s = 8
[[rig]]
name = "T1"
camera = "127.0.0.1:11111/0"
telescope = "127.0.0.1:11111/0"
[rig.flats]
count = 10
[[rig]]
name = "T2"
camera = "127.0.0.1:11111/1"
"""


def loaded(folder: Path, old: str = "", new: str = "") -> GuardsConfig:
    assert not old or CONFIG.count(old) == 1
    path = folder / "nightcal.toml"
    path.write_text(CONFIG.replace(old, new) if old else CONFIG)
    return load_guards_config(path)


def test_it_has_all_that_the_guard_needs(tmp_path: Path) -> None:
    config = loaded(tmp_path)
    assert config.roof is not None
    assert config.roof.mode == "operate"
    assert config.guard is not None
    assert config.guard.folder == tmp_path / "night watch"
    assert config.timeouts.read_s == 8
    assert {rig.name: str(rig.telescope) for rig in config.rig} == {"T1": "127.0.0.1:11111/0", "T2": "None"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("count = 10", "cuont = 10"),
        ("count = 10", "count = -1"),
        ('name = "T1"', 'name = "T1"\ngian = 3'),
        ('camera = "127.0.0.1:11111/1"', 'camera = "somewhere"'),
        ("latitude_deg = 32.9", "lattitude_deg = 32.9"),
        ('folder = "data"', ""),
    ],
)
def test_what_it_does_not_need_does_not_keep_it_from_starting(tmp_path: Path, old: str, new: str) -> None:
    assert loaded(tmp_path, old, new) == loaded(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('mode = "operate"', "", "[roof] lacks the key 'mode'"),
        ('mode = "operate"', 'mode = "operat"', "[roof] mode"),
        ('if_park_fails = "close"', "", "[roof] lacks the key 'if_park_fails'"),
        ('safety_monitors = ["127.0.0.1:11111/0"]', "", "[roof] lacks the key 'safety_monitors'"),
        ('safety_monitors = ["127.0.0.1:11111/0"]', "safety_monitors = []", "[roof] safety_monitors"),
        ('mode = "operate"', 'mode = "operate"\npolls_s = 5', "[roof] knows no key 'polls_s'"),
        ("read_s = 8", "raed_s = 8", "[timeouts] knows no key 'raed_s'"),
        ("[timeouts]", "[timeout]", "the top level knows no key 'timeout'"),
        ('telescope = "127', 'telescop = "127', "there is no key 'telescop', and no telescope"),
        ('telescope = "127.0.0.1:11111/0"', 'telescope = "there"', '[rig "T1"] telescope'),
        ('name = "T2"', 'name = "T1"', "two rigs have the name T1"),
        ("[site]", "[site", "no valid TOML"),
    ],
)
def test_what_it_needs_and_what_may_hide_a_mount_is_refused_in_one_sentence(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(BadInput) as caught:
        loaded(tmp_path, old, new)
    assert len(str(caught.value).splitlines()) == 1
    assert said in str(caught.value)
    assert "nightcal.toml" in str(caught.value)
