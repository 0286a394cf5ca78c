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

/**
 * The runs in order: by the first sorting, where that finds them equal by the second, and so on; without one as they came.
 *
 * Equal runs keep their order; missing values and NaN are last.
 */
export function sortedRuns(runs: readonly RunRow[], sortings: readonly Sorting[], columns: readonly ValueColumn[]): RunRow[] {
  const keys = sortings.map(sorting => ({ value: sortValue(sorting.key, columns), sign: sorting.descending ? -1 : 1 }));
  return runs
    .map(run => ({ run, values: keys.map(key => key.value(run)) }))
    .sort((a, b) => {
      for (const [index, { sign }] of keys.entries()) {
        const [left, right] = [a.values[index], b.values[index]];
        const missing = Number(isMissing(left)) - Number(isMissing(right));
        const order = missing || (isMissing(left) ? 0 : sign * compare(left, right));
        if (order !== 0) {
          return order;
        }
      }
      return 0;
    })
    .map(({ run }) => run);
}

/** The direction that a reader most likely wants first: the best metric, the newest run, names from A. */
export function firstDirection(key: string, columns: readonly ValueColumn[]): Sorting {
  const column = columns.find(candidate => candidate.key === key);
  const descending = column ? column.kind === 'metric' && column.direction !== 'lower' : key === 'started' || key === 'duration';
  return { key, descending };
}

/**
 * What a press on a heading does: the first direction, then the other, then back to the order of the answer.
 *
 * @param add - Keep the other sortings: those before it still come first.
 */
export function nextSortings(current: readonly Sorting[], key: string, columns: readonly ValueColumn[], add: boolean): readonly Sorting[] {
  const first = firstDirection(key, columns);
  const known = current.find(sorting => sorting.key === key);
  if (!known || (!add && current.length > 1)) {
    return add ? [...current, first] : [first];
  }
  return known.descending === first.descending
    ? current.map(sorting => (sorting === known ? { key, descending: !first.descending } : sorting))
    : current.filter(sorting => sorting !== known);
}
