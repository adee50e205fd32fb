"""Compose a tune, give it an alto, a tenor and a bass, keep the bars you like, and have the others composed anew."""

from composer import Composer, Sketch
from composer.harmonizing import alternatives, choir_of, fitted, sketch_of
from composer.voice_leading import told

page = Sketch.blank(bars=8, meter="3/4", key="G", range="D4:E5", shortest="1/8", ends_on_tonic=True)
tune = Composer.load("folk-markov").complete(page, seed=4, temperature=0.7)

choir, words = choir_of(tune)  # four voices, of which one has notes; words say what was left out
choir, moved = fitted(choir)  # in the octave where sopranos sing
model = Composer.load("chorales-maxent")
found = alternatives(model, sketch_of(choir, phrases="4"), 3, seed=1, temperature=0.7)
for number, one in enumerate(found, 1):
    print(f"{one.nats:.2f} nats a note, {len(one.mistakes)} mistakes ->", one.score.write(f"air-{number}.musicxml"))
    for mistake in one.mistakes[:4]:
        print("  ", told(mistake, one.score))

again = sketch_of(found[0].score, keep="bars 1-4", phrases="4", forbid="parallels")
[other] = alternatives(model, again, 1, seed=2, temperature=0.7)
print("bars 5 to 8 anew, without parallels ->", other.score.write("air-other.musicxml"))
