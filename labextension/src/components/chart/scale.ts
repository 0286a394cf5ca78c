import { duration } from '../format';

/** From values to pixels, with the places of the marks on its axis. */
export interface Scale {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
  at(value: number): number;
  valueAt(pixel: number): number;
  label(value: number): string;
}

/** What an axis measures: plain numbers, powers of ten, seconds since a start, or moments (Unix time in seconds). */
export type ScaleKind = 'linear' | 'log' | 'seconds' | 'moment';

const STEPS_OF_TIME = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

function stepOf(span: number, count: number): number {
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = rough / power;
  return power * (factor <= 1 ? 1 : factor <= 2 ? 2 : factor <= 5 ? 5 : 10);
}

function evenTicks(low: number, high: number, step: number): number[] {
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.min(200, Math.floor(high / step + 1e-9) - first);
  return Array.from({ length: count + 1 }, (_, index) => (first + index) * step);
}

function logTicks(low: number, high: number, count: number): number[] {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const every = Math.max(1, Math.ceil((last - first) / Math.max(2, count)));
  const factors = last - first <= 2 ? [1, 2, 5] : [1];
  const found: number[] = [];
  for (let power = first; power <= last; power += every) {
    for (const factor of factors) {
      found.push(factor * 10 ** power);
    }
  }
  return found.filter(value => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9));
}

const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 2 });

/** A number as an axis writes it: as many decimals as the distance of the marks needs. */
export function tickLabel(value: number, step: number): string {
  const size = Math.max(Math.abs(value), Math.abs(step));
  if (value !== 0 && (size < 1e-4 || size >= 1e15)) {
    return value.toExponential(1).replace('.0e', 'e').replace('e+', 'e');
  }
  if (size >= 10_000) {
    return compact.format(value);
  }
  return value.toFixed(Math.max(0, Math.min(8, Math.ceil(-Math.log10(step) - 1e-9))));
}

const two = (part: number): string => String(part).padStart(2, '0');

function momentLabel(value: number, span: number): string {
  const moment = new Date(value * 1000);
  const day = `${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
  const minute = `${two(moment.getHours())}:${two(moment.getMinutes())}`;
  return span > 2 * 86400 ? day : span > 600 ? minute : `${minute}:${two(moment.getSeconds())}`;
}

/** A scale of values `low` to `high` on pixels `from` to `to`, with about `count` marks. */
export function makeScale(kind: ScaleKind, low: number, high: number, from: number, to: number, count: number): Scale {
  const log = kind === 'log';
  const inner = (value: number): number => (log ? Math.log10(value) : value);
  const outer = (value: number): number => (log ? 10 ** value : value);
  const span = inner(high) - inner(low) || 1;
  const timed = kind === 'seconds' || kind === 'moment';
  const rough = (high - low) / Math.max(1, count);
  const step =
    timed && rough >= 0.5
      ? (STEPS_OF_TIME.find(candidate => candidate >= rough) ?? 86400 * Math.ceil(rough / 86400))
      : stepOf(high - low || 1, count);
  return {
    low,
    high,
    ticks: log ? logTicks(low, high, count) : evenTicks(low, high, step),
    at: value => from + ((inner(value) - inner(low)) / span) * (to - from),
    valueAt: pixel => outer(inner(low) + ((pixel - from) / (to - from)) * span),
    label: value =>
      kind === 'seconds' ? (value === 0 ? '0' : duration(value)) : kind === 'moment' ? momentLabel(value, high - low) : tickLabel(value, log ? value : step)
  };
}

/** The least and the greatest of the finite numbers, with a little room; for a log axis of the positive ones. */
export function rangeOf(values: Iterable<number>, log: boolean, room: number): [number, number] | null {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (Number.isFinite(value) && (!log || value > 0)) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (low > high) {
    return null;
  }
  if (log) {
    const margin = low === high ? 2 : (high / low) ** room;
    return [low / margin, high * margin];
  }
  const margin = low === high ? Math.abs(low) * 0.1 || 1 : (high - low) * room;
  return [low - margin, high + margin];
}
