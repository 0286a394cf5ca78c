import type * as React from 'react';
import type { Client } from '../api/client';
import type { Comparison, Difference, RunRow } from '../api/types';
import { useAnswer } from './asked';
import { fullValue, shortValue } from './format';
import { ErrorMessage } from './Message';
import { MetricCharts } from './MetricCharts';
import { Source } from './Source';
import { Status } from './Status';
import { Tabs } from './Tabs';
import type { Trans } from './translate';

function Table(props: { title: string; differences: readonly Difference[]; runs: readonly RunRow[]; trans: Trans }): React.JSX.Element | null {
  const { title, differences, runs, trans } = props;
  if (differences.length === 0) {
    return null;
  }
  return (
    <section className="nbt-section">
      <h3 className="nbt-section-title">{title}</h3>
      <div className="nbt-grid-scroll nbt-grid-fitting" tabIndex={0} role="region" aria-label={title}>
        <table className="nbt-grid-table nbt-compare-table">
          <thead>
            <tr>
              <td />
              {runs.map((run, index) => (
                <th key={run.id} scope="col" title={run.name}>
                  <span className="nbt-swatch" data-color={index % 10} aria-hidden="true" /> {run.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {differences.map(difference => (
              <tr key={difference.name}>
                <th scope="row" title={difference.name}>{difference.name}</th>
                {runs.map((run, index) => {
                  const value = difference.values[index];
                  const there = difference.present[index];
                  return (
                    <td key={run.id} title={there ? fullValue(value) : trans.__('not recorded')}>
                      {!there ? (
                        <span className="nbt-dim">–</span>
                      ) : difference.best === index ? (
                        <span className="nbt-best nbt-best-cell">{shortValue(value)}<span className="nbt-sr-only"> {trans.__('best')}</span></span>
                      ) : (
                        shortValue(value)
                      )}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** The cells whose source differs: each version once, with the runs that had it. */
function Code(props: { differences: readonly Difference[]; runs: readonly RunRow[]; trans: Trans }): React.JSX.Element {
  const { differences, runs, trans } = props;
  if (differences.length === 0) {
    return <p className="nbt-hint">{trans.__('The cells of these runs have the same source.')}</p>;
  }
  return (
    <>
      {differences.map(difference => {
        const versions = new Map<string, string[]>();
        runs.forEach((run, index) => {
          const source = difference.present[index] ? fullValue(difference.values[index]) : '';
          versions.set(source, [...(versions.get(source) ?? []), run.name]);
        });
        return (
          <section key={difference.name} className="nbt-section">
            <h3 className="nbt-section-title">{difference.name}</h3>
            <div className="nbt-versions">
              {[...versions].map(([source, names]) => (
                <div key={source} className="nbt-version">
                  <p className="nbt-section-line">{names.join(', ')}</p>
                  {source === '' ? <p className="nbt-hint">{trans.__('has no such cell')}</p> : <Source text={source} />}
                </div>
              ))}
            </div>
          </section>
        );
      })}
    </>
  );
}

function Values(props: { found: Comparison; trans: Trans }): React.JSX.Element {
  const { found, trans } = props;
  const tables: [string, Difference[]][] = [
    [trans.__('Metrics'), found.metrics],
    [trans.__('Params'), found.params],
    [trans.__('Tags'), found.tags],
    [trans.__('Data'), found.data],
    [trans.__('Environment'), found.environment],
    [trans.__('Packages'), found.packages]
  ];
  if (tables.every(([, differences]) => differences.length === 0)) {
    return <p className="nbt-hint">{trans.__('These runs do not differ in what they were given and gave.')}</p>;
  }
  return <>{tables.map(([title, differences]) => <Table key={title} title={title} differences={differences} runs={found.runs} trans={trans} />)}</>;
}

/** What differs between two to ten runs, and their curves laid over each other. */
export function ComparePage(props: {
  client: Client;
  runs: readonly string[];
  mark: string | null;
  trans: Trans;
  onOpen: (run: RunRow) => void;
}): React.JSX.Element {
  const { client, runs, mark, trans, onOpen } = props;
  const { answer: found, error } = useAnswer(client, 'runs.compare', { runs: [...runs] }, mark);
  if (!found) {
    return (
      <div className="nbt-root nbt-page">
        {error === null ? <p className="nbt-hint" role="status">{trans.__('Comparing…')}</p> : <ErrorMessage message={error} trans={trans} />}
      </div>
    );
  }
  return (
    <div className="nbt-root nbt-page">
      <div className="nbt-page-head">
        <div className="nbt-page-title"><h2>{trans._n('%1 run', '%1 runs compared', found.runs.length)}</h2></div>
        <ul className="nbt-chips" aria-label={trans.__('Runs')}>
          {found.runs.map((run, index) => (
            <li key={run.id}>
              <button type="button" className="nbt-chip nbt-chip-button" onClick={() => { onOpen(run); }}>
                <span className="nbt-swatch" data-color={index % 10} aria-hidden="true" />
                {run.name}
                <Status status={run.status} quiet trans={trans} />
              </button>
            </li>
          ))}
        </ul>
      </div>
      <Tabs
        label={trans.__('Parts of the comparison')}
        tabs={[
          { key: 'values', label: trans.__('What differs'), draw: () => <Values found={found} trans={trans} /> },
          { key: 'curves', label: trans.__('Curves'), draw: () => <MetricCharts client={client} runs={found.runs} mark={mark} trans={trans} /> },
          { key: 'code', label: trans.__('Code'), count: found.code.length, draw: () => <Code differences={found.code} runs={found.runs} trans={trans} /> }
        ]}
      />
    </div>
  );
}
