import type * as React from 'react';
import type { Client } from '../api/client';
import type { ColumnProfile, DataSource, ProfiledData } from '../api/types';
import { useAnswer } from './asked';
import { shortNumber } from './format';
import type { Trans } from './translate';

const sourceOf = (source: DataSource): string => [source.place ?? source.kind, source.query].filter(Boolean).join(' · ');

/** The shape of a column between its quantiles: narrow where many values lie. */
function Spread({ column }: { column: ColumnProfile }): React.JSX.Element | null {
  const marks = column.quantiles.filter(value => typeof value === 'number');
  const [low, high] = [marks[0], marks[marks.length - 1]];
  if (low === undefined || high === undefined || !(high > low)) {
    return null;
  }
  const bins = new Array<number>(16).fill(0);
  marks.slice(1).forEach((value, index) => {
    // An equal share of the rows lies between two quantiles that follow each other.
    const [from, to] = [marks[index] ?? low, value].map(mark => Math.min(15, Math.floor((16 * (mark - low)) / (high - low))));
    for (let bin = from ?? 0; bin <= (to ?? 0); bin += 1) {
      bins[bin] = (bins[bin] ?? 0) + 1 / ((to ?? 0) - (from ?? 0) + 1);
    }
  });
  const most = Math.max(...bins);
  return (
    <svg className="nbt-spread" width="64" height="16" viewBox="0 0 64 16" aria-hidden="true" focusable="false">
      {bins.map((bin, index) => <rect key={index} x={4 * index} width="3" y={16 - (15 * bin) / most} height={(15 * bin) / most} />)}
    </svg>
  );
}

function Columns(props: { columns: readonly ColumnProfile[]; trans: Trans }): React.JSX.Element {
  const { columns, trans } = props;
  const number = (value: number | null): string => (value === null ? '' : shortNumber(value));
  return (
    <div className="nbt-grid-scroll" tabIndex={0} role="region" aria-label={trans.__('Columns')}>
      <table className="nbt-grid-table">
        <thead>
          <tr>
            <th scope="col">{trans.__('Column')}</th>
            <th scope="col">{trans.__('Type')}</th>
            <th scope="col">{trans.__('Values')}</th>
            <th scope="col" className="nbt-end">{trans.__('Missing')}</th>
            <th scope="col" className="nbt-end">{trans.__('Distinct')}</th>
            <th scope="col" className="nbt-end">{trans.__('Least')}</th>
            <th scope="col" className="nbt-end">{trans.__('Mean')}</th>
            <th scope="col" className="nbt-end">{trans.__('Greatest')}</th>
          </tr>
        </thead>
        <tbody>
          {columns.map(column => (
            <tr key={column.name}>
              <th scope="row" title={column.name}>{column.name}</th>
              <td className="nbt-dim">{column.dtype}</td>
              <td title={Object.entries(column.top).slice(0, 8).map(([value, count]) => `${value}: ${count}`).join('\n')}><Spread column={column} /></td>
              <td className="nbt-end">{column.missing > 0 ? column.missing.toLocaleString() : ''}</td>
              <td className="nbt-end">{column.distinct === null ? '' : `${column.exact ? '' : '≈ '}${column.distinct.toLocaleString()}`}</td>
              <td className="nbt-end">{number(column.minimum)}</td>
              <td className="nbt-end">{number(column.mean)}</td>
              <td className="nbt-end">{number(column.maximum)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function OneData(props: { found: ProfiledData; trans: Trans }): React.JSX.Element {
  const { found: { data, profile }, trans } = props;
  const roles: Record<string, string> = {
    train: trans.__('a model was fitted on it'),
    test: trans.__('put aside by a split'),
    source: trans.__('read'),
    read: trans.__('read')
  };
  return (
    <section className="nbt-section">
      <h3 className="nbt-section-title">{data.name} <span className="nbt-dim">{data.shape.map(size => size.toLocaleString()).join(' × ')}</span></h3>
      <p className="nbt-section-line">
        {[data.type_name, roles[data.role] ?? data.role, ...data.sources.map(sourceOf)].join(' · ')}
      </p>
      {profile && profile.columns.length > 0 && <Columns columns={profile.columns} trans={trans} />}
      {profile?.note && <p className="nbt-hint">{profile.note}</p>}
    </section>
  );
}

/** The data of a run, with what each column holds. */
export function RunDataView(props: { client: Client; run: string; mark: string | null; trans: Trans }): React.JSX.Element {
  const { client, run, mark, trans } = props;
  const { answer, error } = useAnswer(client, 'data.get', { run }, mark);
  if (!answer) {
    return <p className="nbt-hint" role="status">{error ?? trans.__('Reading data…')}</p>;
  }
  if (answer.data.length === 0) {
    return <p className="nbt-hint">{trans.__('This run read no data that nbtrack knows of.')}</p>;
  }
  return <>{answer.data.map((found, index) => <OneData key={index} found={found} trans={trans} />)}</>;
}
