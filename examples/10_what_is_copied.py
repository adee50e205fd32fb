"""What a tune shares with the corpus, and how new ten tunes are beside how new real ones are."""

from composer import Composer, Sketch, corpora
from composer.evaluation.library import Library
from composer.evaluation.novelty import novelty

folk = corpora.load("folk")
known = [piece for piece in folk if piece.split == "train"]
library = Library.of("folk", [piece.id for piece in known], [piece.title for piece in known], folk.train)

tunes = Composer.load("folk-markov").completions(Sketch.styled("jig", key="D", range="D4:B5"), 10, seed=1)
match = library.match(tunes[0])
if match is not None:
    print(f"{match['notes']} notes from {match['first']} on are those of {match['title']}, {match['source_first']}")

for name, scores in (("composed", tunes), ("real", list(folk.test)[:100])):
    curve = novelty(scores, library)["curve"]
    print(name, [f"{n} bars: {span['value']:.0%} new" for n, span in enumerate(curve, 1) if n in (1, 2, 4)])
