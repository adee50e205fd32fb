"""Keep a tune, and have bars 5 and 6 composed anew: composing is completing a sketch."""

from composer import Composer, Sketch

model = Composer.load("folk-markov")
tune = model.complete(Sketch.blank(bars=16, meter="4/4", key="A dorian", form="AB", range="D4:B5"), seed=3)

for number, variant in enumerate(model.completions(Sketch.of(tune, "bars 5-6"), 3, seed=11), 1):
    print(f"variant {number}:", [note.pitch for note in variant.region("bars 5-6").parts[0]])
    variant.write(f"variant-{number}.abc")
