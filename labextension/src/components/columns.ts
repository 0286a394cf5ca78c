import type { JSONValue, RunRow, RunTable } from '../api/types';
import { betterWhen } from './directions';
import type { Direction } from './directions';
import { asNumber, columnFormat, fullValue, shortValue } from './format';

/** The values of one param or metric over all runs of a table. */
export interface ValueColumn {
  /** Unique in a table: a param and a metric may share a name. */
  readonly key: string;
  readonly kind: 'param' | 'metric';
  readonly name: string;
  readonly numeric: boolean;
  /** Whether two runs differ in it; a run without the value differs from one that has it. */
  readonly varies: boolean;
  /** The best value of a metric; null where there is nothing to choose. */
  readonly best: number | null;
  /** Which values of a metric are better. */
  readonly direction: Direction;
  /** The width of the widest cell or heading in characters, within bounds. */
  readonly width: number;
  value(run: RunRow): JSONValue | undefined;
  text(run: RunRow): string;
  title(run: RunRow): string;
}

const WIDEST_TEXT = 26;
const WIDEST_HEADING = 18;
/** Headings are set smaller than values, whose digits give the unit of width. */
const HEADING_SCALE = 0.8;

function best(values: readonly number[], direction: Direction): number | null {
  if (direction === null) {
    return null;
  }
  const finite = values.filter(Number.isFinite);
  const least = finite.reduce((a, b) => Math.min(a, b), Infinity);
  const most = finite.reduce((a, b) => Math.max(a, b), -Infinity);
  return least < most ? (direction === 'lower' ? least : most) : null;
}

const differ = (a: JSONValue | undefined, b: JSONValue | undefined): boolean =>
  a !== b && (typeof a !== 'object' || typeof b !== 'object' || JSON.stringify(a) !== JSON.stringify(b));

/** Widths and decimals are a matter of looks: some hundred runs tell enough, and 10,000 would be felt. */
function sample(runs: readonly RunRow[]): readonly RunRow[] {
  const step = Math.ceil(runs.length / 400);
  return step > 1 ? runs.filter((_, index) => index % step === 0) : runs;
}

function valueColumn(kind: 'param' | 'metric', name: string, runs: readonly RunRow[]): ValueColumn {
  const value = (run: RunRow): JSONValue | undefined => {
    const values: Record<string, JSONValue | undefined> = kind === 'param' ? run.params : run.metrics;
    // A name such as "constructor" must not find what every object has.
    return Object.prototype.hasOwnProperty.call(values, name) ? values[name] : undefined;
  };
  const present = runs.map(value).filter(found => found !== undefined);
  const numbers = present.map(asNumber).filter(number => number !== null);
  const numeric = numbers.length > 0 && numbers.length === present.filter(found => found !== null).length;
  const direction = kind === 'metric' ? betterWhen(name) : null;
  const some = sample(runs);
  const write =
    kind === 'metric' && numeric ? columnFormat(some.map(run => asNumber(value(run))).filter(found => found !== null)) : null;
  const text = (run: RunRow): string => {
    const found = value(run);
    const number = write ? asNumber(found) : null;
    return write && number !== null ? write(number) : shortValue(found);
  };
  const first = runs[0] && value(runs[0]);
  const widest = some.reduce((most, run) => Math.max(most, text(run).length), 0);
  return {
    key: `${kind}:${name}`,
    kind,
    name,
    numeric,
    varies: runs.some(run => differ(value(run), first)),
    direction,
    best: best(numbers, direction),
    width: Math.max(4, Math.min(WIDEST_TEXT, widest), Math.min(WIDEST_HEADING, Math.ceil(name.length * HEADING_SCALE) + 1)),
    value,
    text,
    title: run => fullValue(value(run))
  };
}

/** All metrics, then all params of a table (what came out, then what was put in), each group in the order in which the runs first name them. */
export function valueColumns(table: RunTable): ValueColumn[] {
  const params = new Set<string>();
  const metrics = new Set<string>();
  for (const run of table.runs) {
    Object.keys(run.params).forEach(name => params.add(name));
    Object.keys(run.metrics).forEach(name => metrics.add(name));
  }
  return [
    ...[...metrics].map(name => valueColumn('metric', name, table.runs)),
    ...[...params].map(name => valueColumn('param', name, table.runs))
  ];
}

/** The columns to show: all of them, or those in which runs differ. A single run differs from nothing: show all. */
export function shownColumns(columns: ValueColumn[], runs: number, onlyVarying: boolean): ValueColumn[] {
  return onlyVarying && runs > 1 ? columns.filter(column => column.varies) : columns;
}

/** Whether a run has the best value of a metric. */
export function isBest(column: ValueColumn, run: RunRow): boolean {
  return column.best !== null && asNumber(column.value(run)) === column.best;
}
