import type { JSONValue, RunRow } from '../api/types';
import type { Trans } from './translate';

const SIGNIFICANT = 5;
const MISSING_DURATION = '–';

const NOT_FINITE: Readonly<Record<string, number>> = {
  'NaN': NaN,
  'Infinity': Infinity,
  '-Infinity': -Infinity
};

/** The number that a value is, or null: strict JSON carries NaN and the infinities as words. */
export function asNumber(value: JSONValue | undefined): number | null {
  if (typeof value === 'number') {
    return value;
  }
  return typeof value === 'string' ? (NOT_FINITE[value] ?? null) : null;
}

/** At most five significant digits; whole numbers stay whole, since 123456 is more likely a seed than a measure. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) {
    return value === Infinity ? '∞' : value === -Infinity ? '-∞' : 'NaN';
  }
  if (Number.isInteger(value) && Math.abs(value) < 1e12) {
    return String(value);
  }
  return String(Number(value.toPrecision(SIGNIFICANT)));
}

/**
 * A way to write the numbers of one column so that their decimal points stand under each other.
 *
 * The number of decimals follows the largest value. A value that this would cut to less than two significant digits
 * (a loss of 0.0003 beside one of 12) is written on its own.
 */
export function columnFormat(values: readonly number[]): (value: number) => string {
  const finite = values.filter(Number.isFinite);
  const largest = finite.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (largest === 0 || largest >= 1e6 || largest < 1e-3 || finite.every(Number.isInteger)) {
    return shortNumber;
  }
  const room = Math.max(0, SIGNIFICANT - 1 - Math.max(0, Math.floor(Math.log10(largest)) + 1));
  const needed = finite.reduce((most, value) => {
    const decimals = /\.(\d*?)0*$/.exec(value.toFixed(room))?.[1] ?? '';
    return Math.max(most, decimals.length);
  }, 0);
  const smallest = 10 ** (1 - needed);
  return value =>
    Number.isFinite(value) && (value === 0 || Math.abs(value) >= smallest || Number(value.toFixed(needed)) === value)
      ? value.toFixed(needed)
      : shortNumber(value);
}

/** A param as its cell shows it. */
export function shortValue(value: JSONValue | undefined): string {
  if (value === undefined) {
    return '';
  }
  if (value === null) {
    return 'None';
  }
  if (typeof value === 'boolean') {
    return value ? 'True' : 'False';
  }
  if (typeof value === 'object') {
    return JSON.stringify(value);
  }
  const number = asNumber(value);
  return number === null ? String(value) : shortNumber(number);
}

/** The whole value, for the cell's title. */
export function fullValue(value: JSONValue | undefined): string {
  return typeof value === 'number' || typeof value === 'string' ? String(value) : shortValue(value);
}

/** A duration of a run, from milliseconds to days. */
export function duration(seconds: number | null): string {
  if (seconds === null) {
    return MISSING_DURATION;
  }
  if (seconds < 0.9995) {
    return `${Math.round(seconds * 1000)} ms`;
  }
  if (seconds < 59.95) {
    return `${seconds.toFixed(1)} s`;
  }
  const whole = Math.round(seconds);
  const two = (part: number): string => String(part).padStart(2, '0');
  if (whole < 3600) {
    return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`;
  }
  const hours = Math.floor(whole / 3600);
  if (hours < 24) {
    return `${hours}h ${two(Math.floor((whole % 3600) / 60))}m`;
  }
  return `${Math.floor(hours / 24)}d ${two(hours % 24)}h`;
}

/** How long ago something started; a date beyond a month. */
export function ago(started: string, now: number, trans: Trans): string {
  const then = Date.parse(started);
  if (Number.isNaN(then)) {
    return started;
  }
  const seconds = (now - then) / 1000;
  if (seconds < 45) {
    return trans.__('just now');
  }
  if (seconds < 45 * 60) {
    return trans.__('%1 min ago', Math.max(1, Math.round(seconds / 60)));
  }
  if (seconds < 22 * 3600) {
    return trans.__('%1 h ago', Math.max(1, Math.round(seconds / 3600)));
  }
  const days = Math.round(seconds / 86400);
  return days <= 30 ? trans.__('%1 d ago', Math.max(1, days)) : started.slice(0, 10);
}

/** The moment in the reader's own time zone, for a title. */
export function moment(started: string): string {
  const then = new Date(started);
  return Number.isNaN(then.getTime()) ? started : then.toLocaleString();
}

/** What a status is called. */
export function statusLabel(status: RunRow['status'], trans: Trans): string {
  // A newer store may know a status that this front end does not.
  const labels: Partial<Record<RunRow['status'], string>> = {
    running: trans.__('running'),
    finished: trans.__('finished'),
    failed: trans.__('failed'),
    interrupted: trans.__('interrupted'),
    crashed: trans.__('crashed')
  };
  return labels[status] ?? status;
}
