import { HIGHER, LOWER, PHRASES } from '../api/metric_words';

/** Which values of a metric are better; null where its name does not tell. */
export type Direction = 'higher' | 'lower' | null;

const higherWords = new Set(HIGHER);
const lowerWords = new Set(LOWER);
const hasWord = (words: ReadonlySet<string>, word: string): boolean =>
  words.has(word) || words.has(word.replace(/\d+$/, ''));

/** As `nbtrack.analysis.directions.better_when`: the widget must mark the same value as the table beside it. */
export function betterWhen(metric: string): Direction {
  const found = metric.slice(0, 200).match(/[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+/g) ?? [];
  const text = PHRASES.reduce(
    (words, [phrase, word]) => words.replace(new RegExp(`\\b${phrase}\\b`, 'g'), word),
    found.join(' ').toLowerCase()
  );
  const words = text.split(' ');
  const last = words[words.length - 1] ?? '';
  const lower = words.some(word => hasWord(lowerWords, word));
  let higher = words.some(word => hasWord(higherWords, word));
  if (lower && higher && (last === 'loss' || last === 'error')) {
    higher = false;
  }
  if (!lower && !higher) {
    higher = words.includes('score') || words.includes('scores');
  }
  if (lower === higher) {
    return null;
  }
  const negated = words[0] === 'neg' || words[0] === 'negative';
  return lower !== negated ? 'lower' : 'higher';
}
