"""How often abc2midi, an independent program, hears the same notes in the folk corpus as composer does.

Compared are the unfolded onset, pitch and duration of every note, to one tick of abc2midi's 480 a quarter; chord
symbols, graces, fermatas and other decorations, which it plays out, are left aside.

    python benchmarks/abc_oracle.py --sample 500
"""

import argparse
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import mido
import numpy as np

from composer.io.abc import tunes
from composer.notation.abc_reader import TOKENS
from composer.score import Score
from composer.theory import TICKS_PER_QUARTER

FOLDERS = ("oneills1850", "ryansMammoth", "airdsAirs")
RESOLUTION = 480
Rows = list[tuple[int, int, int]]


def texts() -> Iterator[tuple[str, bytes]]:
    """The folk corpus, tune by tune, as ABC."""
    package = Path(str(find_spec("music21").origin)).parent / "corpus"  # type: ignore[union-attr]
    for folder in FOLDERS:
        for path in sorted((package / folder).glob("*.abc")):
            for text in re.split(rb"(?m)^(?=X:)", path.read_bytes())[1:]:
                yield f"{folder}/{path.name} {text.split(None, 1)[0].decode()}", text


def ours(score: Score) -> Rows:
    part = score.unfold().parts[0]
    scale = RESOLUTION / TICKS_PER_QUARTER
    columns = [np.rint(part.onset * scale), part.pitch, np.rint(part.duration * scale)]
    return sorted(zip(*(column.astype(int).tolist() for column in columns), strict=True))


def plain(text: bytes) -> str:
    """The tune numbered 1, without rhythm and decorations: abc2midi plays staccato dots, trills and rolls out."""
    lines = []
    for line in text.decode("latin-1").splitlines():
        if line.startswith("R:"):  # abc2midi swings a hornpipe
            continue
        if re.match(r"[A-Za-z]:|%", line):
            lines.append("X:1" if line.startswith("X:") else line)
            if line.startswith("K:"):
                lines += ["%%MIDI chordattack 0", "%%MIDI ratio 3 1"]
        else:
            lines.append(TOKENS.sub(lambda m: "" if m.lastgroup in ("decoration", "name", "text") else m[0], line))
    return "\n".join(lines) + "\n"


def theirs(text: bytes, folder: Path) -> Rows | None:
    """What abc2midi plays, or None where it gives up."""
    source, target = folder / "t.abc", folder / "t.mid"
    target.unlink(missing_ok=True)
    source.write_text(plain(text), encoding="latin-1")
    command = ["abc2midi", source, "1", "-o", target, "-NFER", "-NGRA", "-NGUI", "-NCOM", "-silent"]
    subprocess.run(command, capture_output=True, check=False, timeout=20)
    if not target.exists():
        return None
    midi = mido.MidiFile(target)
    rows: Rows = []
    for track in midi.tracks:
        now, open_notes = 0, {}
        for message in track:
            now += message.time
            if message.type == "note_on" and message.velocity:
                open_notes.setdefault(message.note, []).append(now)
            elif message.type in ("note_on", "note_off") and open_notes.get(message.note):
                start = open_notes[message.note].pop(0)
                rows.append((start, message.note, now - start))
    return sorted(rows)


def same(a: Rows, b: Rows) -> bool:
    return len(a) == len(b) and all(
        abs(x[0] - y[0]) <= 1 and x[1] == y[1] and abs(x[2] - y[2]) <= 2 for x, y in zip(a, b, strict=True)
    )


def verdict(text: bytes, folder: Path) -> str:
    tune = next(iter(tunes(text, "tune")), None)
    if tune is None or tune.score is None:
        return "not read by composer"
    heard = theirs(text, folder)
    if heard is None:
        return "not read by abc2midi"
    mine = ours(tune.score)
    if same(mine, heard):
        return "identical"
    if len(mine) != len(heard):
        return "another number of notes"
    return "other pitches" if [r[1] for r in mine] != [r[1] for r in heard] else "other times"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="every how-manyth tune to reach this number; 0 for all")
    parser.add_argument("--list", action="store_true", help="name the tunes that differ")
    options = parser.parse_args()
    everything = list(texts())
    step = len(everything) / options.sample if options.sample else 1
    chosen = [everything[int(k * step)] for k in range(options.sample or len(everything))]
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for name, text in chosen:
            result = verdict(text, Path(folder))
            counts[result] += 1
            if options.list and result != "identical":
                print(result, name)
    for result, count in counts.most_common():
        print(f"{count:6} {count / len(chosen):7.2%}  {result}")


if __name__ == "__main__":
    main()
