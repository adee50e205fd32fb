"""Say what you want in a file: a form, chords, an instrument. Then change it, go on from it, and harmonise it."""

from pathlib import Path

from composer import Composer, Sketch

Path("sketch.toml").write_text("""
title = "The Example"
style = "jig"
key = "E dorian"
form = "A A' B A'"
pickup = "1/8"
instrument = "D whistle"
ends_on_tonic = true

[[wish]]
bars = "1-4"
chords = "Em | D | Em | D"
""")

model = Composer.load("folk-markov")
tune = model.complete(Sketch.read("sketch.toml"), seed=5, temperature=0.7)
print(tune, "->", tune.write("example.abc"))

other_end = model.complete(Sketch.of(tune, "bars 7-8", scale="E dorian", range="D4:B5"), seed=6)
print("bars 7 and 8 anew:", [note.pitch for note in other_end.region("bars 7-8").parts[0]])

longer = model.complete(Sketch.continuing(tune, 8, range="D4:B5", ends_on_tonic=True), seed=7)
print("8 bars more ->", longer.write("longer.musicxml"))

melody = Sketch.blank(bars=4, key="G", range="D4:D5", ends_on_tonic=True, shortest="1/4")
choir = Composer.load("chorales-markov").complete(Sketch.harmonizing(model.complete(melody, seed=1)), seed=2)
print("in four voices ->", choir.write("choir.musicxml"))
