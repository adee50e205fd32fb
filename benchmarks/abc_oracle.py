"""Does abc2midi, an independent program, hear the same notes in ABC as composer does?

Compared are the unfolded onset, pitch and duration of every note of every voice, to a tick of abc2midi's 480 a quarter.
Left aside is what abc2midi plays of its own accord: chord symbols, graces, decorations, and the swing of hornpipes.
A tune that differs as it stands is tried again with what abc2midi reads otherwise than the standard says written in
words on which both agree (REWRITINGS); every such tune, and every one that still differs, goes to abc_differences.md.

    python benchmarks/abc_oracle.py --write        # folk and Essen, all tunes
    python benchmarks/abc_oracle.py --sample 500
"""

import argparse
import re
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import mido
import numpy as np

from composer.corpora.bundled import music21_corpus
from composer.io.abc import tunes
from composer.notation.abc_table import TOKENS
from composer.score import Score
from composer.theory import TICKS_PER_QUARTER

FOLK = ("oneills1850", "ryansMammoth", "airdsAirs")
ESSEN = ("essenFolksong",)
RESOLUTION = 480
TARGET = Path(__file__).parent / "abc_differences.md"
Rows = list[tuple[int, int, int]]
Change = Callable[[re.Match[str], str], str]  # a token and the meter in force -> what to write for it


def texts(folders: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The tunes of music21's folders, each with its name, as ABC."""
    for folder in folders:
        for path in music21_corpus(folder, "*.abc"):
            for text in re.split(r"(?m)^(?=X:)", path.read_bytes().decode("latin-1"))[1:]:
                yield f"{folder}/{path.stem}:{text[2:].split()[0]}", text


def sample(count: int) -> list[tuple[str, str]]:
    """So many tunes, evenly spread over both corpora."""
    everything = [*texts(FOLK), *texts(ESSEN)]
    return [everything[k * len(everything) // count] for k in range(count)]


def ours(score: Score) -> Rows:
    """Every note that is heard once, in abc2midi's ticks."""
    scale = RESOLUTION / TICKS_PER_QUARTER
    rows = set()
    for part in score.unfold().parts:
        columns = [np.rint(part.onset * scale), part.pitch, np.rint(part.duration * scale)]
        rows |= set(zip(*(column.astype(int).tolist() for column in columns), strict=True))
    return sorted(rows)


def theirs(text: str) -> Rows:
    """What abc2midi plays; nothing where it gives up."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "t.abc"), Path(folder, "t.mid")
        source.write_text(text, encoding="latin-1")
        command = ["abc2midi", source, "1", "-o", target, "-NFER", "-NGRA", "-NGUI", "-NCOM", "-silent"]
        subprocess.run(command, capture_output=True, check=False, timeout=20)
        return _notes(target) if target.exists() else []


def _notes(path: Path) -> Rows:
    rows = set()
    for track in mido.MidiFile(path).tracks:
        now, sounding = 0, defaultdict(list)
        for message in track:
            now += message.time
            if message.type == "note_on" and message.velocity:
                sounding[message.note].append(now)
            elif message.type in ("note_on", "note_off") and sounding[message.note]:
                start = sounding[message.note].pop(0)
                rows.add((start, message.note, now - start))
    return sorted(rows)


def same(a: Rows, b: Rows) -> bool:
    """Alike to one tick: abc2midi begins one late and ends one early."""
    return len(a) == len(b) and all(
        abs(x[0] - y[0]) <= 1 and x[1] == y[1] and abs(x[2] - y[2]) <= 2 for x, y in zip(a, b, strict=True)
    )


# --- the tune as abc2midi gets it ------------------------------------------------------------------------------------


def rewritten(text: str, change: Change) -> str:
    """The tune with every token of its music changed."""
    lines, meter, body = [], "4/4", False
    for line in text.splitlines():
        if re.match(r"[A-Za-z]:(?![|:])|%", line):
            meter = line[2:].strip() if line.startswith("M:") else meter
            body |= line.startswith("K:")
            lines.append(line)
        else:
            music = re.split(r"(?<!\\)%", line)[0]
            lines.append(TOKENS.sub(partial(change, meter=meter), music) if body else line)
    return "\n".join(lines) + "\n"


def plain(text: str) -> str:
    """The tune numbered 1, without what abc2midi would play of its own accord."""
    text = rewritten(text, lambda m, meter: "" if m.lastgroup in ("decoration", "name", "text") else m[0])
    text = re.sub(r"(?m)^R:.*\n", "", re.sub(r"\AX:.*", "X:1", text))
    return re.sub(r"(?m)^(K:.*)\n", r"\1\n%%MIDI chordattack 0\n%%MIDI ratio 3 1\n", text, count=1)


def tuplets(text: str) -> str:
    """``(5`` as ``(5:2:5``, or ``(5:3:5`` in 6/8, 9/8 and 12/8."""

    def change(match: re.Match[str], meter: str) -> str:
        if match.lastgroup != "tuplet" or match["p"] not in "579" or ":" in match[0]:
            return match[0]
        return f"({match['p']}:{3 if meter in ('6/8', '9/8', '12/8') else 2}:{match['p']}"

    return rewritten(text, change)


def old_chords(text: str) -> str:
    """``+CEG+`` as ``[CEG]``."""
    return rewritten(text, lambda m, meter: f"[{m['old_inside']}]" if m.lastgroup == "old_chord" else m[0])


def line_breaks(text: str) -> str:
    """Without the ``!`` that broke lines in old ABC."""
    return rewritten(text, lambda m, meter: " " if m[0] == "!" else m[0])


class Form:
    """Where, while reading on, a repeat without a start would go back to; and what is to be written into the text."""

    def __init__(self, line: int) -> None:
        self.start = (line, 0)
        self.said = self.last_ending = False
        self.edits: set[tuple[int, int, int, str]] = set()  # line, span and what goes there

    def restart(self, line: int, at: int) -> None:
        self.start, self.said, self.last_ending = (line, at), False, False

    def bar(self, line: int, match: re.Match[str]) -> None:
        sign, passes = match["sign"], match["passes"] or match["passes_apart"]
        both = set(sign) == {":"}
        begin, end = match.span("sign")
        if sign == "||:" or (sign == "||" and passes):
            self.edits.add((line, begin, end, sign[1:]))
        if both or sign.startswith(":"):
            if self.last_ending and not passes:
                self.edits.add((line, begin, end, "||:" if both else "||"))
            elif not self.said:
                self.edits.add((*self.start, self.start[1], "|:"))
                self.said = True
            if not passes:
                self.restart(line, end)
        elif not passes and re.search(r"\|\||[\[\]]", sign) and (self.last_ending or not self.said):
            self.restart(line, end)
        self.said |= both or sign.endswith(":")
        self.last_ending = passes != "1" if passes else self.last_ending


def repeats(text: str) -> str:
    """Every implied repeat start written out, ``:|`` that only closes a last ending as ``||``, ``||:`` as ``|:``."""
    lines = text.split("\n")
    first = next((n + 1 for n, line in enumerate(lines) if line.startswith("K:")), len(lines))
    form = Form(first)
    for number in range(first, len(lines)):
        if re.match(r"[A-Za-z]:(?![|:])|%", lines[number]):
            continue
        for match in TOKENS.finditer(lines[number]):
            if match.lastgroup == "ending":
                form.last_ending = match["only"] != "1"
            if match.lastgroup == "bar":
                form.bar(number, match)
    for number, begin, end, sign in sorted(form.edits, reverse=True):
        lines[number] = f"{lines[number][:begin]} {sign} {lines[number][end:]}"
    return "\n".join(lines)


@dataclass(frozen=True)
class Rewriting:
    """A point on which abc2midi and the standard differ, and how to say it so that both agree."""

    name: str
    why: str
    apply: Callable[[str], str]


REWRITINGS = (
    Rewriting(
        "repeat starts",
        """A repeat that ends without having begun goes back
to the latest double bar or repeat (ABC 2.1, section 4.8), and a `:|` after the last ending closes it. abc2midi
passes over double bars, repeats once more after a last ending, and does not take `||:` for a start. **composer
is right**; abc2midi agrees when `|:` is written where it is implied.""",
        repeats,
    ),
    Rewriting(
        "tuplets",
        """`(5`, `(7` and `(9` are played in the time of
three in compound meters, 6/8, 9/8 and 12/8, else of two (section 4.13). abc2midi takes 3/4 for compound.
**composer is right**; abc2midi agrees when `(5:2:5` is written.""",
        tuplets,
    ),
    Rewriting(
        "line breaks",
        """A single `!` in the music was a line break
in ABC before 2.0 (section 10). abc2midi reads on to the next `!` as a decoration. **composer is right**;
abc2midi agrees when they are left out.""",
        line_breaks,
    ),
    Rewriting(
        "old chords",
        """`+E3A3+` was a chord in ABC before 2.0
(section 10). abc2midi takes it for a decoration, and the bar falls short. **composer is right**; abc2midi
agrees when `[E3A3]` is written.""",
        old_chords,
    ),
)
SEVERAL = Rewriting("several", "More than one of these points.", lambda t: old_chords(tuplets(repeats(line_breaks(t)))))
EXPLAINED = {
    "ryansMammoth/BrooksideHornpipe:1": """The first ending's
`1` stands on the line after its bar line, joined by `\\`. composer reads it as an ending, which the bars bear
out; abc2midi does not. **composer is right**.""",
    "ryansMammoth/HiberniasPrideReel:1": """`||1` begins a first ending: the bar line before an ending number is no
double bar to go back to. composer repeats the whole second part, abc2midi the ending alone. **composer is
right**.""",
    "ryansMammoth/MollShurkiesJig:1": """`[Ac]<a3`: a broken rhythm between unequal notes, which the standard
leaves undefined (section 4.4). composer plays the lengths as written, and the bar adds up; abc2midi shortens
the chord and does not lengthen the note, and it does not. **Neither is wrong by the standard.**""",
    "ryansMammoth/MyLadysGoonHasGairsOntStrathspey:1": """`["Coda" e3g`: a bracket that is never closed. composer
says so and reads the notes after it; abc2midi loses one. **composer is right**: all notes stand in the text.""",
    "essenFolksong/han2:374": """Note letters are missing (the file is damaged), and K: H is no key. composer reads
the notes that are left and says what it passed over; abc2midi reads nothing. **Neither is wrong.**""",
    "essenFolksong/han2:445": "As han2:374.",
}


def verdict(text: str) -> str:
    """``identical``, the name of the rewriting under which it is, or ``different``."""
    tune = next(iter(tunes(text.encode("latin-1"), "tune")), None)
    if tune is None or tune.score is None:
        return "not read by composer"
    mine, bare = ours(tune.score), plain(text)
    if same(mine, theirs(bare)):
        return "identical"
    return next((r.name for r in (*REWRITINGS, SEVERAL) if same(mine, theirs(r.apply(bare)))), "different")


def table(found: dict[str, list[str]]) -> str:
    """How many tunes of each corpus got each verdict."""
    corpora = {"folk": FOLK, "essen": ESSEN}
    counts = {c: Counter(v for v, names in found.items() for n in names if n.startswith(f)) for c, f in corpora.items()}
    rows = ["| verdict | folk | essen | all |", "|---|---|---|---|"]
    for result in sorted(found, key=lambda result: -len(found[result])):
        columns = [(counts["folk"][result], counts["folk"].total()), (counts["essen"][result], counts["essen"].total())]
        columns.append((sum(n for n, _ in columns), sum(total for _, total in columns)))
        rows.append(" | ".join([f"| {result}", *(f"{n} ({n / max(total, 1):.2%})" for n, total in columns)]) + " |")
    return "\n".join(rows)


def report(found: dict[str, list[str]]) -> str:
    """Every tune that the two programs hear differently, who is right, and why."""
    lines = [
        "# Where abc2midi and composer hear a tune differently\n",
        "Written by `python benchmarks/abc_oracle.py --write`: unfolded onset, pitch and duration of every note of the",
        "4,248 tunes of the folk corpus and the 8,514 of Essen, against abc2midi 4.84 of Debian's abcmidi. A tune is",
        "`identical` if every note is, as the text stands. The other verdicts name what has to be written out for",
        "abc2midi before it is.\n",
        table(found),
    ]
    for rewriting in (*REWRITINGS, SEVERAL):
        if names := found.get(rewriting.name):
            lines += [f"\n## {rewriting.name.capitalize()}: {len(names)}\n", f"{rewriting.why}\n", ", ".join(names)]
    if names := found.get("different"):
        lines.append(f"\n## Different for reasons of their own: {len(names)}\n")
        lines += [f"- `{name}`: {EXPLAINED.get(name, 'NOT EXPLAINED YET')}" for name in names]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=0, help="so many tunes, evenly spread; 0 for all")
    parser.add_argument("--write", action="store_true", help=f"write every difference to {TARGET.name}")
    options = parser.parse_args()
    found: dict[str, list[str]] = defaultdict(list)
    for name, text in sample(options.sample) if options.sample else [*texts(FOLK), *texts(ESSEN)]:
        found[verdict(text)].append(name)
    print(table(found))
    if options.write:
        TARGET.write_text(report(found), encoding="utf-8")
        print(f"wrote {TARGET}")


if __name__ == "__main__":
    main()
