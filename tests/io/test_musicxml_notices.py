"""What MusicXML files hold that a score does not, and bars that do not add up."""

from composer.errors import Notice
from composer.io.musicxml import loads

ATTRIBUTES = "<attributes><divisions>2</divisions><time><beats>3</beats><beat-type>4</beat-type></time></attributes>"


def note(duration: int = 6, inside: str = "", alter: str = "") -> str:
    pitch = f"<pitch><step>C</step>{alter}<octave>4</octave></pitch>"
    return f"<note>{pitch}<duration>{duration}</duration><notations>{inside}</notations></note>"


def noticed(*parts: list[str]) -> list[Notice]:
    """The notices of a file whose parts have these measures."""
    names = "".join(f'<score-part id="P{k}"><part-name>p</part-name></score-part>' for k in range(len(parts)))
    text = ""
    for k, measures in enumerate(parts):
        bodies = [ATTRIBUTES + measures[0], *measures[1:]]
        text += f'<part id="P{k}">'
        text += "".join(f'<measure number="{n}">{body}</measure>' for n, body in enumerate(bodies, 1)) + "</part>"
    found: list[Notice] = []
    loads(f"<score-partwise><part-list>{names}</part-list>{text}</score-partwise>".encode(), "f", notices=found)
    return found


def test_a_plain_file_has_none() -> None:
    assert noticed([note(), note(), note()]) == []


def test_elements_are_counted() -> None:
    hairpin = '<direction><direction-type><wedge type="crescendo"/></direction-type></direction>'
    tremolo = '<ornaments><tremolo type="single">3</tremolo></ornaments><technical><fingering>1</fingering></technical>'
    found = noticed([hairpin + note(6, tremolo), hairpin + note(6, tremolo)])
    assert {(n.kind, n.text, n.times) for n in found} == {
        ("ignored", "hairpins", 2),
        ("ignored", "tremolos", 2),
        ("ignored", "fingerings", 2),
    }


def test_chords_marks_and_quarter_tones_have_a_place() -> None:
    chord = "<harmony><root><root-step>C</root-step></root><kind>Neapolitan</kind></harmony>"
    scoop = "<articulations><scoop/></articulations>"
    found = noticed([note(), chord + note(4, scoop) + note(2, alter="<alter>0.5</alter>")])
    assert found == [
        Notice("ignored", "bar 2, beat 1", "chord symbols of the kind Neapolitan"),
        Notice("ignored", "bar 2, beat 1", "scoop marks"),
        Notice("ignored", "bar 2, beat 3", "quarter tones, read as the nearest semitone"),
    ]


def test_known_marks_are_no_notices() -> None:
    assert noticed([note(6, "<articulations><staccato/></articulations><fermata/>")]) == []


def test_bars_that_do_not_add_up() -> None:
    found = noticed([note(), note(4), note(8), note()])
    assert found == [
        Notice("bar", "bar 2", "has 2/4, not 3/4"),
        Notice("bar", "bar 3", "has 4/4, not 3/4"),
    ]


def test_parts_whose_bars_lie_elsewhere() -> None:
    found = noticed([note(), note(), note()], [note(), note(4), note()])
    assert found == [Notice("bar", "part 2, bar 2, beat 3", "begins elsewhere than the bars of the first part")]
