import type { Scale } from './scale';

/** A curve to draw: equally long columns; what is not finite is a gap. */
export interface Line {
  readonly key: string;
  readonly label: string;
  /** Which of the ten colours. */
  readonly color: number;
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/**
 * The exponential moving average of a curve, without the bias of its beginning (as in Adam).
 *
 * @param weight - From 0 (the curve itself) to below 1.
 */
export function smoothed(values: readonly number[], weight: number): number[] {
  let [sum, left] = [0, 1];
  return values.map(value => {
    if (!Number.isFinite(value)) {
      return value;
    }
    sum = sum * weight + (1 - weight) * value;
    left *= weight;
    return sum / (1 - left);
  });
}

/** The path of a curve in pixels, broken where a value is not finite or cannot be drawn. */
export function pathOf(
  x: readonly number[],
  y: readonly number[],
  across: Scale,
  up: Scale
): string {
  const parts: string[] = [];
  let drawing = false;
  for (let index = 0; index < x.length; index += 1) {
    const [left, top] = [across.at(x[index] ?? NaN), up.at(y[index] ?? NaN)];
    if (Number.isFinite(left) && Number.isFinite(top)) {
      parts.push(`${drawing ? 'L' : 'M'}${left.toFixed(1)} ${top.toFixed(1)}`);
      drawing = true;
    } else {
      drawing = false;
    }
  }
  return parts.join('');
}

/** The place of the value of a rising column that is nearest; -1 where there is none. */
export function nearest(x: readonly number[], wanted: number): number {
  let [low, high] = [0, x.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((x[middle] ?? 0) < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const before = low - 1;
  return before >= 0 && Math.abs((x[before] ?? 0) - wanted) <= Math.abs((x[low] ?? 0) - wanted) ? before : low < x.length ? low : -1;
}
