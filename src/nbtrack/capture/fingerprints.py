"""Fingerprints of the content of arrays and tables.

What is hashed is the content in logical order with its type, not the memory: a view, a copy, a transposed
copy and a table in several chunks of the same values have one fingerprint. Bytes that mean nothing (below a
null, in padding) are left out. No element's own code runs: of Python objects only exact texts, numbers and
the like are read.
"""

from __future__ import annotations

import hashlib
from time import perf_counter  # by name: a notebook may put something else into the module
from typing import TYPE_CHECKING, Any, Final

from nbtrack.capture.floats import plain_bytes
from nbtrack.capture.params import loaded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WHOLE: Final = 8_000_000
"""Content of up to so many bytes is read whole."""

_SAMPLE: Final = 2_000_000  # bytes of larger content that are read
_BLOCK: Final = 16_384  # bytes of one sampled place
_CHUNK: Final = 262_144  # bytes of numbers that are made plain at once: they stay in the processor's cache
_STEP: Final = 1_000_000  # bytes between two looks at the clock
_OBJECT: Final = 64  # what an object counts as, in bytes
_TEXTS: Final = 1_000_000  # characters of the texts among them
_OBJECTS: Final = 2_048  # objects between two looks at the clock
_WIDE: Final = 32  # columns
_SPARSE: Final = {
    "csr": ("data", "indices", "indptr"),
    "csc": ("data", "indices", "indptr"),
    "bsr": ("data", "indices", "indptr"),
    "coo": ("data", "row", "col"),
    "dia": ("data", "offsets"),
}


class Unknown(Exception):
    """The content cannot be read safely, or not in time."""


class Fingerprint:
    """Hashes one dataset until a deadline on ``perf_counter``."""

    def __init__(self, deadline: float) -> None:
        self.sampled = False
        self._hash = hashlib.blake2b(digest_size=8)
        self._deadline = deadline

    def text(self) -> str:
        """Return ``blake2b-64:<hex>``."""
        return f"blake2b-64:{self._hash.hexdigest()}"

    def add(self, value: Any, module: str) -> None:
        """Hash a value of one of the libraries that `nbtrack.capture.datasets` knows.

        Raises
        ------
        Unknown
            If that cannot be done safely, or not in time.
        """
        self._look_at_clock()
        if module == "numpy":
            self._label(module)
            self._array(value, self._share(_ndarray(value).nbytes, 1))
            return
        self._label(module, len(value.shape))
        if module == "scipy.sparse":
            self._sparse(value)
        elif module == "pandas":
            self._pandas(value)
        elif module == "polars":
            self._polars(value)
        else:
            self._arrow_table(value)

    # ── bytes ──

    def _look_at_clock(self) -> None:
        if perf_counter() > self._deadline:
            raise Unknown

    def _label(self, *parts: object) -> None:
        """Hash names and numbers of ours, so that no two contents run into each other."""
        self._hash.update(repr(parts).encode("utf-8", "surrogatepass") + b"\0")

    def _feed(self, content: Any) -> None:
        view = memoryview(content).cast("B")
        self._label(view.nbytes)
        for start in range(0, view.nbytes, _STEP):
            self._look_at_clock()
            self._hash.update(view[start : start + _STEP])

    def _share(self, size: int, columns: int) -> int | None:
        """Bytes to read of each column of a content of `size` bytes; None for all."""
        if size <= WHOLE:
            return None
        self.sampled = True
        return max(_BLOCK, _SAMPLE // max(columns, 1))

    # ── numpy ──

    def _array(self, value: Any, share: int | None) -> None:
        mask = value._mask if type(value) is loaded("numpy.ma.core", "MaskedArray") else None
        array = _ndarray(value)
        self._label(array.dtype.str, array.shape)
        if array.dtype.names is not None:  # field by field: the padding between them holds anything
            for name in array.dtype.names:
                self._label(name)
                self._array(array[name], share)
        elif array.dtype.kind == "O":
            self._objects(array, share)
        elif array.dtype.kind not in "biufcmMSUV" or array.dtype.char in "gG":
            raise Unknown  # a long double has padding in each number
        elif array.size and array.dtype.itemsize:
            self._numbers(array, share)
        if mask is not None and mask is not loaded("numpy.ma.core", "nomask"):
            self._array(mask, share)

    def _numbers(self, array: Any, share: int | None) -> None:
        if share is None or array.nbytes <= share:
            flat = array.reshape(-1) if array.flags.c_contiguous else array.ravel()
            length = max(1, _CHUNK // array.dtype.itemsize)
            places: Iterable[tuple[int, int]] = (
                (start, start + length) for start in range(0, array.size, length)
            )
        else:
            # .flat reaches any element of a strided or virtual array without a copy of it
            flat = array.reshape(-1) if array.flags.c_contiguous else array.flat
            places = _places(array.size, array.dtype.itemsize, share)
        for start, stop in places:
            self._feed(plain_bytes(flat[start:stop]))

    def _objects(self, array: Any, share: int | None) -> None:
        flat = array.reshape(-1) if array.flags.c_contiguous else array.flat
        if array.size * _OBJECT > (WHOLE if share is None else share):
            self.sampled = True
            places = _places(array.size, _OBJECT, _SAMPLE if share is None else share)
        else:
            places = ((start, start + _OBJECTS) for start in range(0, array.size, _OBJECTS))
        known = _known_objects()
        for start, stop in places:
            self._look_at_clock()
            block = flat[start:stop].tolist()
            for kind in map(type, block):
                # `in` would ask a metaclass for its __eq__ or __hash__
                if kind is not str and kind is not float and not any(kind is one for one in known):
                    raise Unknown
            self._label(self._shortened(block))

    def _shortened(self, block: list[Any]) -> list[Any]:
        """Return the elements with only the ends of texts where these are long together: a page of text is data too."""
        lengths = [len(one) if type(one) is str or type(one) is bytes else 0 for one in block]
        if sum(lengths) <= _TEXTS:
            return block
        self.sampled = True
        ends = _TEXTS // (2 * len(block)) + 1
        return [
            (length, one[:ends], one[-ends:]) if length > 2 * ends else one
            for one, length in zip(block, lengths, strict=True)
        ]

    # ── scipy ──

    def _sparse(self, value: Any) -> None:
        attributes = _SPARSE.get(value.format)
        if attributes is None:
            raise Unknown
        parts = [_ndarray(getattr(value, attribute)) for attribute in attributes]
        self._label(value.format, tuple(map(int, value.shape)))
        share = self._share(sum(part.nbytes for part in parts), len(parts))
        for part in parts:
            self._array(part, share)

    # ── pandas ──

    def _pandas(self, value: Any) -> None:
        if len(value.shape) == 1:
            columns = [value]
            self._objects_of([value.name])
        else:
            self._pandas_index(value.columns, None)
            if _is_matrix(value):
                self._pandas_matrix(value)
                return
            columns = []
            for _, column in value.items():
                self._look_at_clock()
                columns.append(column)
        sizes = [int(column.array.nbytes) for column in columns]
        share = self._share(sum(sizes), len(columns))
        self._pandas_index(value.index, share)
        for column in columns:
            self._look_at_clock()
            self._pandas_array(column.array, share)

    def _pandas_matrix(self, frame: Any) -> None:
        """By rows: a Series for each of 10,000 columns takes longer than to read them all."""
        rows, columns = frame.shape
        width = columns * frame.dtypes.iloc[0].itemsize
        share = self._share(rows * width, 1)
        self._pandas_index(frame.index, share)
        for start, stop in [(0, rows)] if share is None else _places(rows, width, share):
            self._look_at_clock()
            self._array(frame.iloc[start:stop].to_numpy(), None)

    def _objects_of(self, values: list[Any]) -> None:
        array = loaded("numpy", "empty")(len(values), dtype=object)
        array[:] = values
        self._objects(array, None)

    def _pandas_index(self, index: Any, share: int | None) -> None:
        kind = type(index)
        if kind is loaded("pandas", "RangeIndex"):
            self._label("range", index.start, index.stop, index.step)
        elif kind is loaded("pandas", "MultiIndex"):
            for codes, level in zip(index.codes, index.levels, strict=True):
                self._array(_plain_array(codes), share)
                self._pandas_index(level, share)
        else:
            self._pandas_array(index.array, share)

    def _pandas_array(self, array: Any, share: int | None) -> None:
        name = type(array).__name__
        numpys_own = isinstance(array.dtype, loaded("numpy", "dtype"))
        if numpys_own or name in ("NumpyExtensionArray", "PandasArray"):
            self._array(array.to_numpy(), share)
        elif name == "Categorical":
            self._label("categorical", bool(array.ordered))
            self._array(array.codes, share)
            self._pandas_index(array.categories, share)
        elif name in ("DatetimeArray", "PeriodArray"):
            self._label(str(array.dtype))
            self._array(array.asi8, share)
        elif name in ("IntegerArray", "FloatingArray", "BooleanArray"):
            # the numbers below the mask are whatever was there before
            self._array(array._mask, share)
            self._array(loaded("numpy", "where")(array._mask, array._data.dtype.type(0), array._data), share)
        elif hasattr(array, "_pa_array"):
            self._arrow(array._pa_array, share)
        elif name in ("StringArray", "StringArrayNumpySemantics"):
            self._label("string")
            self._objects(array._ndarray, share)
        else:
            raise Unknown

    # ── polars ──

    def _polars(self, value: Any) -> None:
        columns = [value] if len(value.shape) == 1 else value.get_columns()
        share = self._share(int(value.estimated_size()), len(columns))
        for column in columns:
            self._look_at_clock()
            self._label(column.name, str(column.dtype), len(column))
            if share is None or (size := column.estimated_size()) <= share:
                self._polars_column(column)
            else:
                for start, stop in _places(len(column), max(1, size // len(column)), share):
                    self._polars_column(column[start:stop])

    def _polars_column(self, column: Any) -> None:
        kind = type(column.dtype).__name__ if not isinstance(column.dtype, type) else column.dtype.__name__
        if kind in ("Categorical", "Enum"):
            column, kind = column.cast(loaded("polars", "String")), "String"
        if column.null_count():
            self._array(column.is_null().to_numpy(), None)
        if kind == "String":
            column = column.fill_null("")
            self._array(column.str.len_bytes().to_numpy(), None)
            self._feed(column.str.join("").item().encode("utf-8"))
        elif kind == "Null":
            self._label("null")
        elif (
            kind == "Boolean"
            or column.dtype.is_temporal()
            or (column.dtype.is_numeric() and kind != "Decimal")
        ):
            column = column if kind == "Boolean" else column.to_physical()
            column = (
                column.fill_null(value=False if kind == "Boolean" else 0) if column.null_count() else column
            )
            self._array(column.to_numpy(), None)
        else:
            raise Unknown

    # ── arrow ──

    def _arrow_table(self, table: Any) -> None:
        share = self._share(int(table.nbytes), table.num_columns)
        for name, column in zip(table.column_names, table.columns, strict=True):
            self._look_at_clock()
            self._label(name)
            self._arrow(column, share)

    def _arrow(self, column: Any, share: int | None) -> None:
        self._label(str(column.type), len(column))
        if share is None or column.nbytes <= share:
            self._arrow_part(column)
        else:
            for start, stop in _places(len(column), max(1, column.nbytes // len(column)), share):
                self._arrow_part(column.slice(start, stop - start))

    def _arrow_part(self, column: Any) -> None:
        array = column.combine_chunks()
        if type(array) is loaded("pyarrow", "ChunkedArray"):  # too large for one array of its type
            raise Unknown
        if type(array) is loaded("pyarrow", "DictionaryArray"):
            self._arrow_batch(array.indices)
            self._arrow_batch(array.dictionary)
        elif _plain_arrow(array.type):
            self._arrow_batch(array)
        else:
            raise Unknown

    def _arrow_batch(self, array: Any) -> None:
        # what lies below a null is whatever was there before; only an import that the person made is used
        if array.null_count and loaded("pyarrow", "compute") is not None:
            self._arrow_buffers(array.is_valid())
            array = array.drop_null()
        self._arrow_buffers(array)

    def _arrow_buffers(self, array: Any) -> None:
        # the interchange format rebases offsets, and pads with zeros
        self._feed(loaded("pyarrow", "RecordBatch").from_arrays([array], ["column"]).serialize())


def _ndarray(value: Any) -> Any:
    """The array itself, without what a subclass does to it."""
    ndarray = loaded("numpy", "ndarray")
    return value if type(value) is ndarray else ndarray.view(value, ndarray)


def _plain_array(codes: Any) -> Any:
    return loaded("numpy", "asarray")(codes)


def _is_matrix(frame: Any) -> bool:
    """Whether a pandas frame has many columns of one dtype of numbers."""
    if frame.shape[1] <= _WIDE:
        return False
    dtypes, numpy_dtype = list(frame.dtypes), loaded("numpy", "dtype")
    first = dtypes[0]
    if not isinstance(first, numpy_dtype) or first.kind not in "biufc":
        return False
    return all(isinstance(dtype, numpy_dtype) and dtype == first for dtype in dtypes)


def _places(count: int, size: int, share: int) -> Iterator[tuple[int, int]]:
    """Spread places of `count` elements of `size` bytes that hold about `share` bytes, both ends included."""
    length = max(1, _BLOCK // size)
    number = max(2, share // (length * size))
    if number * length >= count:
        for start in range(0, count, length):
            yield start, min(start + length, count)
        return
    for index in range(number):
        start = index * (count - length) // (number - 1)
        yield start, start + length


def _known_objects() -> list[type]:
    """Classes of objects whose ``repr`` is the library's own and tells the whole value."""
    found = [int, bool, type(None), bytes, complex]
    for module, name in (("decimal", "Decimal"), ("datetime", "date"), ("uuid", "UUID")):
        kind = loaded(module, name)
        if isinstance(kind, type):
            found.append(kind)
    for name in ("NA", "NaT"):
        missing = loaded("pandas", name)
        if missing is not None:
            found.append(type(missing))
    return found


def _plain_arrow(kind: Any) -> bool:
    """Whether the buffers of an arrow type hold all of its content: a dictionary inside a list travels apart."""
    if kind.num_fields:
        return all(_plain_arrow(kind.field(index).type) for index in range(kind.num_fields))
    return not str(kind).startswith(("dictionary", "extension"))
