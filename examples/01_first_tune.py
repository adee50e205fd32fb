"""Compose a jig, print it, and leave it as a page, a MIDI file and sound."""

from composer import Composer, Sketch

sketch = Sketch.styled("jig", key="D dorian", range="D4:B5", ends_on_tonic=True)
tune = Composer.load("folk-markov").complete(sketch, seed=7)

for suffix in (".abc", ".mid", ".musicxml", ".png"):
    print("wrote", tune.write(f"first-tune{suffix}"))
