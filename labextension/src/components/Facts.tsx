import type * as React from 'react';
import type { JSONValue } from '../api/types';
import { fullValue, shortValue } from './format';

/** Names and values in two columns; nothing where there is none. */
export function Facts(props: { title: string; facts: readonly (readonly [string, JSONValue | undefined])[] }): React.JSX.Element | null {
  const facts = props.facts.filter(([, value]) => value !== undefined && value !== null && value !== '');
  if (facts.length === 0) {
    return null;
  }
  return (
    <section className="nbt-section">
      <h3 className="nbt-section-title">{props.title}</h3>
      <dl className="nbt-facts">
        {facts.map(([name, value]) => (
          <div key={name} className="nbt-fact">
            <dt title={name}>{name}</dt>
            <dd title={fullValue(value)}>{shortValue(value)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** A size as people say it: 1.4 MB. */
export function bytes(size: number): string {
  const power = size < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(size) / 3));
  const number = size / 1000 ** power;
  return `${power === 0 ? number : number.toPrecision(3)} ${UNITS[power] ?? ''}`;
}
