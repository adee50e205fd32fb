"""How often do the old fiddlers' tunes use each mode, and how long are their notes?"""

from collections import Counter

import numpy as np

from composer import corpora

folk = corpora.load("folk")
modes = Counter(score.key.mode for score in folk.train)
print({mode: f"{count / len(folk.train):.0%}" for mode, count in modes.most_common()})

lengths = np.concatenate([score.parts[0].duration for score in folk.validation]) / 10_080
values, counts = np.unique(lengths, return_counts=True)
for value, count in sorted(zip(values, counts, strict=True), key=lambda pair: -pair[1])[:5]:
    print(f"{value:6.3f} quarters  {count / len(lengths):.1%}")
