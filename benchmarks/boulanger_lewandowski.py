"""Train the models of the classic benchmark, which `composer evaluate --benchmark boulanger-lewandowski` then measures.

FOLDER holds JSB_Chorales.mat, Nottingham.mat, MuseData.mat and Piano_midi.mat as published. Each model learns from the
training split, and what is kept is what is best on the validation split; the test split is not read. A training that
was broken off goes on by the same command. The weights are for research: the data sets say no licence.

    python benchmarks/boulanger_lewandowski.py --data FOLDER --dataset JSB_Chorales --checkpoints WHERE
"""

import argparse
from dataclasses import asdict
from pathlib import Path

from composer import __version__
from composer.corpora.benchmark import poly_mat
from composer.encodings.pianoroll import PianoRoll
from composer.evaluation.benchmark import PUBLISHED
from composer.generators.biaxial import Biaxial
from composer.io import write_bytes
from composer.model_card import card
from composer.pipeline import BENCHMARK, Composer
from composer.recipes import configured, set_values, write_beside
from composer.training import Run, Status

MODELS = Path(__file__).resolve().parent.parent / "models" / "benchmarks"
BITS = {"roll": True, "hold": None, "features": ("phase",)}
SETTINGS = {
    "JSB_Chorales": {"steps": 420, "batch": 16, "window": 80, "dropout": 0.35, "average": 0.99, "every": 70},
    "Nottingham": {"steps": 1500, "batch": 8, "window": 160, "dropout": 0.1, "average": 0.998, "every": 500},
    "MuseData": {"steps": 500, "batch": 8, "window": 128, "dropout": 0.1, "average": 0.998, "every": 500},
    "Piano_midi": {"steps": 1000, "batch": 8, "window": 128, "dropout": 0.1, "average": 0.998, "every": 200},
}
WORDS = """# {}

For research only: `composer evaluate --benchmark boulanger-lewandowski` measures it, and no command composes with it.

|
"""
COMMON = {"rate": 3e-3, "weight_decay": 1e-2}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--dataset", choices=PUBLISHED, required=True)
    parser.add_argument("--checkpoints", type=Path, help="a folder; a training goes on from what is there")
    parser.add_argument("--output", type=Path, help="the model file; without it, in models/benchmarks")
    parser.add_argument("--configuration", help="original: the network as it was, as far as it is kept")
    parser.add_argument("--set", dest="settings", metavar="NAME=VALUE", action="append", default=[])
    parser.add_argument("--device", default="auto")
    asked = parser.parse_args()
    output = asked.output or MODELS / f"biaxial-{asked.dataset}.safetensors"
    data = poly_mat(asked.data / f"{asked.dataset}.mat")
    options = BITS | COMMON | SETTINGS[asked.dataset] | configured("biaxial", asked.configuration)
    options |= set_values(Biaxial(**options), asked.settings)
    generator = Biaxial(**options).fit(data.train, validation=data.validation, run=_run(asked))
    trained = generator.trained_
    info = {
        "use": BENCHMARK,
        "dataset": asked.dataset,
        "corpus": asked.dataset,
        "licence": "none stated: research only; these weights compose nothing",
        "pieces": len(data.train),
        "encoding": "pianoroll",
        "encoding_options": {},
        "generator": "biaxial",
        "settings": options,
        "trained": trained.told(),
    }
    write_bytes(Composer(PianoRoll(), generator).dumps(info), output)
    told = {
        "machine": dict(trained.machine),
        "training_seconds": round(trained.seconds),
        "software": f"composer {__version__}",
    }
    changed = "".join(f" --set {setting}" for setting in asked.settings)
    command = f"python benchmarks/boulanger_lewandowski.py --data FOLDER --dataset {asked.dataset}{changed}"
    page = card(output.stem, info | told, command, "as published", WORDS.format(output.stem))
    write_beside(output, page, trained)
    print(asdict(generator.course), trained.told())


def _run(asked: argparse.Namespace) -> Run:
    def report(status: Status) -> None:
        if status.validated:
            print(status, flush=True)

    return Run(folder=asked.checkpoints, device=asked.device, report=report)


if __name__ == "__main__":
    main()
