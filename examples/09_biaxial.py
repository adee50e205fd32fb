"""A neural network keeps its word: a tune by folk-biaxial inside wishes, and how the draws were weighed."""

from composer import Composer, Sketch

model = Composer.load("folk-biaxial")
sketch = Sketch.styled("jig", key="D", range="D4:B5", ends_on_tonic=True, bars=8)
tune = model.complete(sketch, seed=3)
tune.write("biaxial-jig.abc")
print(tune.metadata["drawn"])
print(tune.metadata["copied"])
