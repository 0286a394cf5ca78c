"""Objects that do something when they are touched, and such as cannot be looked into: the trace leaves them alone."""

from __future__ import annotations

import gc
import random
import statistics
import sys
import threading
import time
import weakref
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from nbtrack.capture.frameworks.patches import Patches
from nbtrack.capture.lineage.places import Places
from nbtrack.capture.lineage.tracer import Tracer
from nbtrack.entities.lineage import Trace

HOSTILE = """
calls = []
class Meta(type):
    def __getattribute__(cls, name):
        calls.append(('meta', name)) if name not in ('__dict__',) else None
        return type.__getattribute__(cls, name)
    def __hash__(cls):
        calls.append('meta hash')
        return 1
    def __eq__(cls, other):
        calls.append('meta eq')
        return True
    def __instancecheck__(cls, one):
        calls.append('instancecheck')
        return True
    def __subclasscheck__(cls, one):
        calls.append('subclasscheck')
        return True
def noted(name):
    def method(self, *arguments):
        calls.append(name)
        raise RuntimeError(name)
    return method
class Hostile(metaclass=Meta):
    pass
names = '''__repr__ __str__ __eq__ __ne__ __hash__ __getattr__ __getattribute__ __bool__ __array__ __len__ __iter__
__next__ __contains__ __getitem__ __int__ __float__ __index__ __call__ __reduce__ __reduce_ex__
__getstate__ __dir__ __sizeof__ __format__ __array_interface__ __dataframe__ __fspath__ __bytes__
__enter__ __lt__ __add__ __copy__ __deepcopy__ __class_getitem__'''.split()
for name in names:
    type.__setattr__(Hostile, name, noted(name))
one = object.__new__(Hostile)
object.__setattr__(one, 'inner', [1])
nested = {'deep': [one, (one,)]}
class Sub(dict):
    items = keys = values = __iter__ = __getitem__ = get = __len__ = noted('dict')
class SubList(list):
    __iter__ = __len__ = __getitem__ = noted('list')
class Lazy:
    @property
    def __dict__(self):
        calls.append('__dict__')
        return {}
    @property
    def __class__(self):
        calls.append('__class__')
        return int
sub, sublist, lazy = Sub(a=1), SubList([1]), Lazy()
del names, name
calls.clear()
"""


class Notebook:
    """Cells run as plain code in one namespace, traced."""

    def __init__(self, folder: Path, budget: float = 5) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.tracer = Tracer(self.namespace, Places(str(folder)), budget=budget)

    def run(self, code: str) -> Trace:
        started = self.tracer.begin(code)
        error = None
        try:
            exec(compile(code, "<cell>", "exec"), self.namespace)
        except Exception as problem:  # noqa: BLE001 - a cell may fail
            error = problem
        return self.tracer.end(started, finished=error is None, duration=0.0)


@pytest.fixture
def notebook(tmp_path: Path) -> Notebook:
    return Notebook(tmp_path)


def test_no_method_of_the_persons_objects_is_called(notebook: Notebook) -> None:
    notebook.run(HOSTILE)
    assert notebook.namespace["calls"] == []
    for _ in range(2):
        trace = notebook.run("pair = (one, nested, sub, sublist, lazy)")
        assert notebook.namespace["calls"] == []
        assert set(trace.reads) >= {"one", "nested", "sub", "sublist", "lazy"}
        assert "one" not in trace.mutated
    trace = notebook.run("object.__getattribute__(one, 'inner').append(2)")
    assert notebook.namespace["calls"] == []
    assert {"one", "nested", "pair"} <= set(trace.mutated)


def test_mocks_are_not_called_and_their_change_is_seen(notebook: Notebook) -> None:
    notebook.namespace["mock"] = mock = MagicMock()
    notebook.run("x = mock")
    assert mock.mock_calls == []
    assert "mock" in notebook.run("mock.value = 3").mutated


def test_generators_and_iterators_stay_where_they_are(notebook: Notebook) -> None:
    notebook.run("g = (v for v in range(3))\ni = iter([1, 2])\nz = zip([1], [2])\nm = map(str, [1])")
    notebook.run("h = [g, i, z, m]")
    assert [list(one) for one in notebook.namespace["h"]] == [[0, 1, 2], [1, 2], [(1, 2)], ["1"]]


def test_locks_files_and_threads_are_left_alone(notebook: Notebook, tmp_path: Path) -> None:
    notebook.namespace.update(
        lock=threading.Lock(), path=str(tmp_path / "f.txt"), thread=threading.current_thread()
    )
    notebook.run("lock.acquire()\nf = open(path, 'w')\nf.write('unwritten')\nboth = (lock, f, thread)")
    assert notebook.namespace["lock"].locked()
    assert (tmp_path / "f.txt").read_text() == ""
    notebook.run("f.close()")
    assert (tmp_path / "f.txt").read_text() == "unwritten"


def test_what_a_cell_deletes_is_freed_at_once(notebook: Notebook) -> None:
    notebook.run("class Held: pass\nheld = Held()\nlist_of = [held]\ndef f(x=held): pass")
    reference = weakref.ref(notebook.namespace["held"])
    notebook.run("copy = held")
    gc.disable()
    try:
        notebook.run("del held, list_of, copy, f\nimport sys")
        assert reference() is None
    finally:
        gc.enable()


def test_a_file_whose_last_name_goes_is_written_at_once(notebook: Notebook, tmp_path: Path) -> None:
    notebook.namespace["path"] = str(tmp_path / "f.txt")
    notebook.run("f = open(path, 'w')\nf.write('x')")
    trace = notebook.run("del f\ntext = open(path).read()")
    assert notebook.namespace["text"] == "x"
    assert f"file:{tmp_path.resolve() / 'f.txt'}" in trace.mutated


def test_recursive_and_very_deep_containers_end(notebook: Notebook) -> None:
    notebook.run(
        "a = []\na.append(a)\nd = {}\nd['d'] = d\ndeep = []\nfor _ in range(100_000):\n    deep = [deep]"
    )
    trace = notebook.run("b = (a, d, deep)")
    assert not {"a", "d"} & set(trace.mutated)


def test_huge_virtual_arrays_cost_nothing(notebook: Notebook, tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    sparse = tmp_path / "sparse.bin"
    with sparse.open("wb") as file:
        file.truncate(10_000_000_000)
    notebook.namespace["virtual"] = numpy.broadcast_to(numpy.float64(1), (1_250_000_000,))
    notebook.namespace["grid"] = numpy.broadcast_to(numpy.arange(10.0)[:, None], (10, 125_000_000))
    notebook.namespace["mapped"] = numpy.memmap(sparse, mode="r+")
    before = time.process_time()
    trace = notebook.run("n = (virtual.shape, grid.shape, mapped.shape)")
    assert time.process_time() - before < 2  # reading any of them whole takes many seconds
    assert trace.mutated == []
    assert "mapped" in notebook.run("mapped[5_000_000_000] = 1").mutated


def test_builtins_that_a_person_has_replaced_are_not_used(notebook: Notebook) -> None:
    trace = notebook.run(
        "seen = []\ndef len(x):\n    seen.append(x)\n    return 7\nid = type = isinstance = sorted = len"
    )
    assert {"len", "id", "type"} <= set(trace.writes)
    notebook.run("a = [1, 2]\na.append(3)")
    assert notebook.namespace["seen"] == []


def test_random_numbers_are_not_drawn(notebook: Notebook) -> None:
    numpy = pytest.importorskip("numpy")
    random.seed(5)
    numpy.random.seed(5)
    rng = notebook.namespace["rng"] = numpy.random.default_rng(5)
    states = random.getstate(), str(numpy.random.get_state()), str(rng.bit_generator.state)
    notebook.run("x = rng")
    assert states == (random.getstate(), str(numpy.random.get_state()), str(rng.bit_generator.state))
    assert "rng" in notebook.run("y = rng.random()").mutated


def test_a_thread_that_changes_a_value_meanwhile_breaks_nothing(notebook: Notebook) -> None:
    notebook.run("d = {}")
    shared, end = notebook.namespace["d"], threading.Event()

    def change() -> None:
        while not end.is_set():
            for number in range(200):
                shared[number] = number
            shared.clear()

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(30):
            notebook.run("e = d")
    finally:
        end.set()
        thread.join()


def test_an_error_in_the_hook_reaches_nobody(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbtrack.capture.lineage import files

    def broken(*arguments: object) -> None:
        raise SystemExit

    monkeypatch.setitem(files._EVENTS, "open", broken)
    trace = notebook.run(f"text = open({__file__!r}).read()")
    assert "text" in trace.writes


def test_without_time_the_source_decides_and_that_is_said(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path, budget=0)
    notebook.run("a = [1]\nb = [2]")
    trace = notebook.run("a[0] = 2\nc = b")
    assert "a" in trace.mutated
    assert trace.unsure["a"] == "the time to look into it was over"
    assert "b" not in trace.mutated
    assert "a" in trace.skipped[0]
    notebook.run("moves = iter([1, 2])\nclass C: pass\nc = C()")
    trace = notebook.run("one = next(moves)\nprint(c)\na.append(3)")
    assert {"moves", "c", "a"} <= set(trace.mutated)


def test_what_ran_untraced_is_not_told_of_the_next_cell(notebook: Notebook) -> None:
    notebook.run("a = [1]")
    notebook.namespace["b"] = 2
    notebook.namespace["a"].append(2)
    random.seed(1)
    notebook.tracer.forget()
    trace = notebook.run("c = a")
    assert trace.writes == ["c"]
    assert trace.mutated == []


def test_fingerprints_tell_nothing_of_a_secret_outside_of_the_process(notebook: Notebook) -> None:
    trace = notebook.run("password = 'hunter2'\nbox = ['hunter2']")
    assert "password" not in trace.versions
    hashes = {hash(("hunter2",)), hash((1, "hunter2")), hash("hunter2")}
    assert int(trace.versions["box"], 16) not in {one & 0xFFFFFFFFFFFF for one in hashes}


def test_simple_namespaces_slots_and_nested_functions_are_looked_into(notebook: Notebook) -> None:
    notebook.namespace["space"] = SimpleNamespace(inner=[1])
    notebook.run("k = space")
    assert {"space", "k"} <= set(notebook.run("space.inner.append(2)").mutated)


def test_what_nbtrack_wraps_around_functions_is_no_part_of_them(notebook: Notebook) -> None:
    told: list[object] = []
    patches = Patches(told.append)
    patches.watch(statistics, "fmean", lambda *seen: told.append(seen))
    patches.watch(statistics.NormalDist, "cdf", lambda *seen: told.append(seen))
    try:
        notebook.run("from statistics import NormalDist, fmean\ncdf = NormalDist().cdf")
        notebook.run("first = fmean([1, 2]) + cdf(0)")
        trace = notebook.run("second = fmean([3]) + cdf(1)")
    finally:
        patches.undo()
    assert len(told) == 4
    assert {"fmean", "cdf"} <= set(trace.reads)
    assert (trace.mutated, trace.unsure) == ([], {})


def test_what_a_library_wraps_around_a_function_of_the_notebook_hides_nothing(
    notebook: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    notebook.namespace, notebook.tracer = vars(main), Tracer(vars(main), Places(str(tmp_path)), budget=5)
    notebook.run("from contextlib import contextmanager\nlog = []")
    notebook.run("@contextmanager\ndef noted():\n    log.append(1)\n    yield")
    assert "log" in notebook.run("with noted(): pass").mutated


def test_peak_memory_is_told_of_the_cell_that_set_it(notebook: Notebook) -> None:
    if sys.platform == "win32":
        pytest.skip("the system does not tell")
    trace = notebook.run(
        "big = bytearray(400_000_000)\nfor place in range(0, len(big), 4096): big[place] = 1\ndel big"
    )
    assert trace.peak_memory is not None
    assert trace.peak_memory > 400_000_000
    assert notebook.run("x = 1").peak_memory is None
