"""Harmonise the melody of a chorale that no model has seen, and compare it with Bach."""

from dataclasses import replace

from composer import Composer, corpora
from composer.harmonizing import alternatives, choir_of, sketch_of

bach = corpora.load("chorales").test[0]
melody = replace(bach, parts=bach.parts[:1])  # with its fermatas, where phrases come to rest

[made] = alternatives(Composer.load("chorales-maxent"), sketch_of(choir_of(melody)[0]), 1, seed=1, temperature=0.7)
print(made.score.write("chorale.musicxml"), made.score.write("chorale.mid"), bach.write("bach.musicxml"))

for mine, his in zip(made.score.parts[1:], bach.parts[1:], strict=True):
    both = {(note.onset, note.pitch) for note in mine} & {(note.onset, note.pitch) for note in his}
    print(f"{his.name}: {len(both)} of Bach's {len(his)} notes")
