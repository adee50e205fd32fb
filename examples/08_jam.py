"""Jam without a keyboard: three calls from a file, answered on a virtual clock; what it learned then writes a tune."""

from pathlib import Path

from composer import Composer, Sketch
from composer.live.answering import Answering, Settings
from composer.live.calls import read_calls
from composer.live.improviser import Improviser
from composer.live.memory import Memory
from composer.live.record import Record
from composer.live.rehearsal import Rehearsal
from composer.live.thinker import Inline

answering = Answering(Composer.load("folk-markov"), Memory(half_life=8))
improviser = Improviser(Inline(answering), Settings(mode="continue", temperature=0.7, seed=3))
record = Record(start=0.0, settings={}, model="folk-markov", digest=answering.model.digest, seed=3)

end = Rehearsal(improviser, record).run(read_calls(Path(__file__).with_name("calls.abc")).messages)
Path("jam").mkdir(exist_ok=True)
print(f"{improviser.calls} calls in {end:.0f} s ->", *record.save("jam"))

Path("learned.safetensors").write_bytes(answering.saved())
tune = Composer.load("learned.safetensors").complete(Sketch.styled("reel", key="D", range="D4:B5"), seed=1)
print("a reel by what it learned ->", tune.write("reel.abc"))
