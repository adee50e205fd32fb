import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from composer.errors import UsageError, WriteError
from composer.io import abc, engraving
from composer.score import Part, Repeat, Score
from composer.sketch import Sketch
from composer.theory import Meter

KESH = b"""X:1
T:The Kesh
C:Trad.
R:jig
Q:3/8=116
M:6/8
L:1/8
K:G
|:"G"GAG GAB|"D"ABA ABd|"G"edd gdd|"Em"edB dBA|GAG GAB|ABA ABd|edd gdB|1 "D7"AGF G2A:|2 AGF G3||
bag dBd|ege dBd|bag dBd|gdB ABd|bag dBd|ege dBd|c2d e2f|gdB G3|]
"""


def kesh() -> Score:
    return abc.loads(KESH, "kesh.abc")


def notes(count: int, parts: int = 1, **options) -> Score:
    part = Part.of(np.arange(count) * 10_080, [60 + k % 12 for k in range(count)], [10_080] * count)
    return Score.of([part] * parts, **options)


def svg_of(score: Score) -> str:
    return engraving.dumps(score, suffix=".svg").decode()


def pixels(score: Score) -> np.ndarray:
    """Grey values, 0 black to 1 white, by row and column."""
    from matplotlib.image import imread

    image = imread(io.BytesIO(engraving.dumps(score, suffix=".png")))
    if image.shape[2] == 4:
        assert (image[:, :, 3] == 1).all()
    return image[:, :, :3].mean(axis=2)


def size_of(svg: str) -> tuple[int, int]:
    root = ElementTree.fromstring(svg)
    return int(root.get("width", "").removesuffix("px")), int(root.get("height", "").removesuffix("px"))


def count(svg: str, name: str) -> int:
    return len(re.findall(rf'<g [^>]*class="{name}[" ]', svg))


def test_the_svg_holds_every_note_and_bar_repeats_folded():
    score, svg = kesh(), svg_of(kesh())
    assert count(svg, "note") == sum(len(part) for part in score.parts)
    assert count(svg, "measure") == len(score.barlines) - 1
    assert count(svg, "ending") == 2


def test_the_svg_has_repeat_dots_only_where_something_is_repeated():
    plain = notes(16)
    repeated = Score.of(plain.parts, repeats=[Repeat(0, 80_640)])
    dots = [len(re.findall(r"<ellipse|#E044", svg_of(score))) for score in (plain, repeated)]
    assert dots[1] > dots[0]


def test_title_composer_rhythm_tempo_and_chords_are_in_the_svg():
    words = re.findall(r">([^<>]+)</tspan>", svg_of(kesh()))
    assert {"The Kesh", "Trad.", "jig", "= 116", "Em", "D7"} <= {word.strip() for word in words}


def test_the_svg_needs_no_other_file():
    svg = svg_of(kesh())
    assert "@font-face" in svg
    assert set(re.findall(r"url\(([a-z]+):", svg)) == {"data"}
    assert not re.search(r'href="[^#]', svg)


def test_the_same_score_gives_the_same_bytes_whatever_was_engraved_before():
    first = [engraving.dumps(kesh(), suffix=suffix) for suffix in (".svg", ".png")]
    svg_of(notes(40, meter="3/4"))
    with pytest.raises(WriteError):
        engraving.engrave(b"<score-partwise/>", [])
    assert [engraving.dumps(kesh(), suffix=suffix) for suffix in (".svg", ".png")] == first


def test_the_png_is_black_on_white_twice_the_size_of_the_svg_and_cut_to_the_music():
    image = pixels(kesh())
    width, height = size_of(svg_of(kesh()))
    assert image.shape == (2 * height, 2 * width)
    assert image[[0, -1]].min() == image[:, [0, -1]].min() == 1
    assert image.min() == 0
    assert 0.02 < (image < 0.5).mean() < 0.2
    inked = np.flatnonzero(image.min(axis=1) < 0.5)
    assert inked[0] < 100
    assert len(image) - inked[-1] < 150


def test_a_note_head_stands_at_its_place():
    low, high = (pixels(Score.of([Part.of([0], [pitch], [20_160])])) for pitch in (64, 77))  # the outer lines
    assert not np.array_equal(low, high)
    assert (low < 0.5).sum() == pytest.approx((high < 0.5).sum(), rel=0.1)


@pytest.mark.parametrize("title", ["A title", "Žluťoučký Привет", "<b> & \x07 \n $5 \x00"])
def test_a_title_is_ink_in_the_middle_of_the_top_of_the_png(title):
    plain, titled = pixels(notes(16)), pixels(notes(16, metadata={"title": title}))
    added = len(titled) - len(plain)
    assert added > 20
    top = titled[:added]
    columns = np.flatnonzero(top.min(axis=0) < 0.5)
    assert columns.size > 40
    assert abs((columns[0] + columns[-1]) / 2 - 840) < 20


def test_composer_stands_on_the_right_and_rhythm_on_the_left():
    plain = pixels(notes(16, metadata={"title": "T"}))
    for name, side in (("composer", slice(1400, None)), ("rhythm", slice(0, 280))):
        image = pixels(notes(16, metadata={"title": "T", name: "Somebody"}))
        assert (image[:, side] < 0.5).sum() > (plain[:, side] < 0.5).sum() + 200


def test_bar_numbers_and_the_tempo_note_are_ink_in_the_png():
    svg = svg_of(notes(32))
    image = pixels(notes(32))
    for pattern, least in ((r'<g [^>]*class="mNum[" ].*?</g>', 20), (r'<g [^>]*class="tempo[" ].*?</g>', 100)):
        without = re.sub(pattern, "", svg, flags=re.DOTALL)
        assert without != svg
        assert (image < 0.5).sum() > (raster(without) < 0.5).sum() + least
    symbol = next(letter for letter in svg if "\ue000" <= letter <= "\uf8ff")
    assert (image < 0.5).sum() > (raster(svg.replace(symbol, " ")) < 0.5).sum() + 100


def raster(svg: str) -> np.ndarray:
    from matplotlib.image import imread

    return imread(io.BytesIO(engraving.rasterize(svg)))[:, :, :3].mean(axis=2)


def test_four_parts_stand_under_one_another():
    four = svg_of(notes(16, parts=4))
    assert count(four, "staff") == 4 * 4
    assert size_of(four)[1] > size_of(svg_of(notes(16)))[1] + 150


def test_systems_hold_four_bars_and_begin_with_sections():
    assert engraving.system_starts(notes(64)) == [4, 8, 12]
    assert engraving.system_starts(notes(4 * 9)) == [4]  # a single last bar joins those before it
    assert engraving.system_starts(notes(65, pickup=10_080)) == [5, 9, 13]
    assert engraving.system_starts(notes(64, sections=[6 * 40_320])) == [4, 6, 10, 14]
    assert engraving.system_starts(kesh()) == [4, 9, 13]
    upbeats = Sketch.blank(bars=16, form="AB", pickup="1/4").score
    assert engraving.system_starts(upbeats) == [5, 9, 14]  # each pickup in the line that it begins
    after_pickup = [Repeat(10_080, 10_080 + 8 * 40_320)]
    assert engraving.system_starts(notes(33, pickup=10_080, repeats=after_pickup)) == [5]
    assert count(svg_of(kesh()), "system") == 4


def test_bars_full_of_notes_get_more_room():
    fast = Part.of(np.arange(64) * 2520, [60] * 64, [2520] * 64)
    assert engraving.system_starts(Score.of([fast])) == [2]
    faster = Part.of(np.arange(128) * 1260, [60] * 128, [1260] * 128)
    assert engraving.system_starts(Score.of([faster])) == [1, 2, 3]


@pytest.mark.parametrize(
    "score", [Score.of([]), Score.of([Part.of()]), notes(12, meter=[Meter(3, 4), Meter(6, 8, 60_480)])]
)
def test_scores_with_little_in_them_are_a_page(score):
    assert (pixels(score) < 0.5).any()


def test_a_long_score_is_one_high_image():
    _, short = size_of(svg_of(notes(4 * 40)))
    _, long = size_of(svg_of(notes(4 * 120)))
    assert 2.4 * short < long < 3.2 * short


@pytest.mark.parametrize("score", [notes(4 * 1200), notes(4 * 40, parts=30), notes(20_001)])
def test_a_score_of_too_many_pages_is_refused_in_one_line(score):
    with pytest.raises(UsageError, match=r"more than 12 pages.*cut a region") as caught:
        engraving.dumps(score)
    assert "\n" not in str(caught.value)


def test_a_score_that_turns_out_too_high_is_refused(monkeypatch):
    monkeypatch.setattr(engraving, "MAX_PAGES", 0.1)
    with pytest.raises(UsageError, match="pages"):
        engraving.dumps(notes(64))


@pytest.mark.parametrize("text", [b"", b"garbage", b"<a>", b"<score-partwise/>"])
def test_what_verovio_refuses_is_one_line_and_silence(text, capfd):
    with pytest.raises(WriteError, match="cannot be engraved") as caught:
        engraving.engrave(text, [])
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_engraving_is_silent(capfd):
    pixels(kesh())
    assert capfd.readouterr() == ("", "")


def test_an_svg_that_cannot_be_drawn_is_one_line():
    with pytest.raises(WriteError, match="cannot be drawn"):
        engraving.rasterize('<svg xmlns="http://www.w3.org/2000/svg" width="0px" height="0px"></svg>')


def test_the_music_font_has_an_outline_for_each_symbol_it_can():
    from fontTools.ttLib import TTFont

    font = TTFont(io.BytesIO(engraving.music_font(["\ueca5", "\uf8ff"])))
    assert set(font.getBestCmap()) == {0x20, 0xECA5}
    assert font["hmtx"]["uniECA5"][0] == 302
