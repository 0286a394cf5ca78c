import type { JSONValue, RunRow } from '../api/types';
import type { ValueColumn } from './columns';
import { asNumber, shortValue } from './format';

/** What a table is sorted by: a fixed column or the key of a {@link ValueColumn}. */
export interface Sorting {
  readonly key: string;
  readonly descending: boolean;
}

type Sortable = JSONValue | undefined;

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

/** Numbers before NaN before texts; what is missing is last whatever the direction, see {@link sortedRuns}. */
function compare(a: Sortable, b: Sortable): number {
  const [left, right] = [asNumber(a), asNumber(b)];
  if (left !== null && right !== null) {
    if (Number.isNaN(left) || Number.isNaN(right)) {
      return Number(Number.isNaN(left)) - Number(Number.isNaN(right));
    }
    return left < right ? -1 : left > right ? 1 : 0;
  }
  if (left !== null || right !== null) {
    return left !== null ? -1 : 1;
  }
  return collator.compare(shortValue(a), shortValue(b));
}

const isMissing = (value: Sortable): boolean =>
  value === undefined || value === null || Number.isNaN(asNumber(value) ?? 0);

/** The value of a run that a key sorts by. */
export function sortValue(key: string, columns: readonly ValueColumn[]): (run: RunRow) => Sortable {
  switch (key) {
    case 'name':
      return run => run.name;
    case 'status':
      return run => run.status;
    case 'started':
      return run => run.started;
    case 'duration':
      return run => run.duration;
    default: {
      const column = columns.find(candidate => candidate.key === key);
      return run => column?.value(run);
    }
  }
}

/** The runs in order; without a sorting as they came. Equal runs keep their order; missing values and NaN are last. */
export function sortedRuns(runs: readonly RunRow[], sorting: Sorting | null, columns: readonly ValueColumn[]): RunRow[] {
  if (!sorting) {
    return [...runs];
  }
  const value = sortValue(sorting.key, columns);
  const sign = sorting.descending ? -1 : 1;
  return runs
    .map(run => ({ run, value: value(run) }))
    .sort((a, b) => {
      const [left, right] = [isMissing(a.value), isMissing(b.value)];
      return left || right ? Number(left) - Number(right) : sign * compare(a.value, b.value);
    })
    .map(({ run }) => run);
}

/** The direction that a reader most likely wants first: the best metric, the newest run, names from A. */
export function firstDirection(key: string, columns: readonly ValueColumn[]): Sorting {
  const column = columns.find(candidate => candidate.key === key);
  const descending = column ? column.kind === 'metric' && column.direction !== 'lower' : key === 'started' || key === 'duration';
  return { key, descending };
}

/** What a press on a heading does: the first direction, then the other, then back to the order of the answer. */
export function nextSorting(current: Sorting | null, key: string, columns: readonly ValueColumn[]): Sorting | null {
  const first = firstDirection(key, columns);
  if (current?.key !== key) {
    return first;
  }
  return current.descending === first.descending ? { key, descending: !first.descending } : null;
}
