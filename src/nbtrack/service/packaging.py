"""A version of a model as a folder that runs without nbtrack, and its card."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

from nbtrack.analysis.model_card import model_card
from nbtrack.entities.models import ModelVersion, Package
from nbtrack.errors import Conflict, InvalidInput, NotFound, StoreNotWritable, UnsafeModel
from nbtrack.flavors.allowed import is_allowed
from nbtrack.service.ledger import Ledger
from nbtrack.service.models import Models
from nbtrack.service.runs import Runs
from nbtrack.store.database import Store

_FILES: Final = {
    "skops": "model.skops",
    "xgboost": "model.ubj",
    "lightgbm": "model.txt",
    "catboost": "model.cbm",
}
_READ: Final = {
    "skops": "import skops.io\n\n    return skops.io.loads(content, trusted=TYPES)",
    "xgboost": (
        "import xgboost\n\n    model = getattr(xgboost, TYPES[0].rpartition('.')[2])()\n"
        "    model.load_model(bytearray(content))\n    return model"
    ),
    "lightgbm": "import lightgbm\n\n    return lightgbm.Booster(model_str=content.decode())",
    "catboost": (
        "import catboost\n\n    model = getattr(catboost, TYPES[0].rpartition('.')[2])()\n"
        "    model.load_model(blob=content)\n    return model"
    ),
}
_LOADER: Final = '''"""Loads the model beside this file, if it is the one that was packaged."""

import hashlib
from pathlib import Path

FILE = {file}
DIGEST = {digest}
TYPES = {types}


def load(folder=Path(__file__).parent):
    """The model; its content is checked against the digest of the registry."""
    content = (Path(folder) / FILE).read_bytes()
    if "blake2b-256:" + hashlib.blake2b(content, digest_size=32).hexdigest() != DIGEST:
        raise ValueError(FILE + " is not the model that was packaged: its content does not match its digest.")
    {read}


def _load_pyfunc(path):
    """The entry point of MLflow's ``python_function`` flavor."""
    return load(path)


if __name__ == "__main__":
    print(load())
'''
_MLMODEL: Final = """flavors:
  python_function:
    loader_module: load_model
    code: .
    data: .
    python_version: {python}
model_uuid: {uuid}
"""
_DOCKERFILE: Final = """FROM python:{minor}-slim
WORKDIR /model
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
CMD ["python", "load_model.py"]
"""


class Packager:
    """Hands versions to others."""

    def __init__(self, store: Store, runs: Runs, models: Models, ledger: Ledger) -> None:
        self._store = store
        self._runs = runs
        self._models = models
        self._ledger = ledger

    def card(self, model: str, intended: str = "", limits: str = "") -> str:
        """The card of a version, in the format of Hugging Face.

        Raises
        ------
        NotFound
            If there is no such version.
        """
        version = self._models.get(model)
        whole = self._store.models.get(version.model)
        if whole is None:
            raise NotFound(f"There is no registered model {version.model}.")
        log = self._ledger.log(version.model)
        run = self._runs.get(version.run_id)
        return model_card(version, whole, run, log.lines, head=log.head, intended=intended, limits=limits)

    def write(self, model: str, path: str, intended: str = "", limits: str = "") -> Package:
        """Write a version into a new folder: the model, a loader, requirements, signature, card, MLmodel, Dockerfile.

        Raises
        ------
        UnsafeModel
            If loading it runs code, or it has types that are not on the list.
        InvalidInput
            If its format cannot be read without nbtrack, or the path is not absolute.
        Conflict
            If there is something at `path`.
        StoreNotWritable
            If the folder cannot be written.
        """
        version = self._models.get(model)
        card = self.card(f"{version.model}/{version.version}", intended, limits)
        if version.record.runs_code or (
            version.format == "skops" and not all(map(is_allowed, version.types))
        ):
            raise UnsafeModel(
                f"{version.model}/{version.version} runs code when it is loaded; it is not packaged."
            )
        if version.format not in _FILES:
            raise InvalidInput(
                f"A model in the format {version.format} is not read without nbtrack; there are {', '.join(_FILES)}."
            )
        folder = Path(path)
        if not folder.is_absolute():
            raise InvalidInput(f"The path {path} is not absolute.")
        files = {**_texts(version), "README.md": card.encode()}
        files[_FILES[version.format]] = self._store.blobs.get(version.digest)
        try:
            folder.mkdir()
            for name, content in files.items():
                (folder / name).write_bytes(content)
        except FileExistsError:
            raise Conflict(f"There is something at {path} already; choose another folder.") from None
        except OSError as problem:
            raise StoreNotWritable(f"The folder {path} cannot be written: {problem.strerror}.") from None
        return Package(path=path, model=version.model, version=version.version, files=sorted(files))


def _texts(version: ModelVersion) -> dict[str, bytes]:
    record = version.record
    loader = _LOADER.format(
        file=repr(_FILES[version.format]),
        digest=repr(version.digest),
        types=repr(version.types),
        read=_READ[version.format],
    )
    signature = {"inputs": record.inputs, "input_type": record.input_type, "output": record.output}
    python = record.python or "3.11"
    texts = {
        "load_model.py": loader,
        "requirements.txt": "\n".join(record.requirements) + "\n",
        "signature.json": json.dumps(signature, indent=2) + "\n",
        "version.json": json.dumps(asdict(version), indent=2) + "\n",
        "MLmodel": _MLMODEL.format(python=python, uuid=version.digest.rpartition(":")[2][:32]),
        "Dockerfile": _DOCKERFILE.format(minor=".".join(python.split(".")[:2])),
    }
    return {name: text.encode() for name, text in texts.items()}
