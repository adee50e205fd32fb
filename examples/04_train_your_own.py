"""Train a model on a folder of your own music, save it, and let it write."""

from pathlib import Path

from composer import Composer, Sketch, corpora

music = Path(__file__).parent.parent / "corpora" / "fixtures"
corpus = corpora.load(music)
model = Composer.untrained("melody", "markov", generator_options={"order": 4}).fit(piece.score for piece in corpus)

Path("mine.safetensors").write_bytes(model.dumps({"corpus": str(music.name)}))
tune = Composer.load("mine.safetensors").complete(Sketch.styled("jig", key="G", range="D4:B5"), seed=1)
print(tune.write("mine.abc"))
