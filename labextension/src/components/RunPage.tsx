import type * as React from 'react';
import { useMemo } from 'react';
import type { Client } from '../api/client';
import type { RunDetail, Verdict } from '../api/types';
import { useAnswer } from './asked';
import { betterWhen } from './directions';
import { Facts, bytes } from './Facts';
import { ago, asNumber, duration, fullValue, moment, shortNumber } from './format';
import { ErrorMessage } from './Message';
import { MetricCharts } from './MetricCharts';
import { useNow } from './observed';
import { plain } from './Outputs';
import { RunCells } from './RunCells';
import { RunDataView } from './RunDataView';
import { Status } from './Status';
import { Tabs } from './Tabs';
import type { Trans } from './translate';

interface Part {
  readonly detail: RunDetail;
  readonly trans: Trans;
}

function Head(props: Part): React.JSX.Element {
  const { detail: { row, former }, trans } = props;
  const now = useNow(30_000);
  const line = [
    row.experiment,
    trans.__('started %1', ago(row.started, now, trans)),
    row.duration === null ? '' : duration(row.duration),
    row.notebook?.split('/').pop() ?? ''
  ].filter(Boolean);
  return (
    <div className="nbt-page-head">
      <div className="nbt-page-title">
        <h2>{row.name}</h2>
        <Status status={row.status} trans={trans} />
        {row.pinned && <span className="nbt-chip">{trans.__('pinned')}</span>}
        {row.origin !== null && <span className="nbt-chip">{trans.__('from %1', row.origin)}</span>}
      </div>
      <p className="nbt-dim" title={moment(row.started)}>{line.join(' · ')}</p>
      {former.length > 0 && <p className="nbt-dim">{trans.__('Called %1 before', former.join(', '))}</p>}
      {Object.keys(row.tags).length > 0 && (
        <ul className="nbt-chips" aria-label={trans.__('Tags')}>
          {Object.entries(row.tags).map(([key, value]) => <li key={key} className="nbt-chip">{value ? `${key}: ${value}` : key}</li>)}
        </ul>
      )}
    </div>
  );
}

/** The metrics as figures that are read at a glance. */
function Figures({ detail, trans }: Part): React.JSX.Element | null {
  const metrics = Object.entries(detail.row.metrics);
  if (metrics.length === 0) {
    return null;
  }
  const words = { higher: trans.__('higher is better'), lower: trans.__('lower is better') };
  return (
    <section className="nbt-section">
      <h3 className="nbt-section-title">{trans.__('Metrics')}</h3>
      <dl className="nbt-figures">
        {metrics.map(([name, value]) => {
          const direction = betterWhen(name);
          return (
            <div key={name} className="nbt-figure">
              <dt title={direction ? `${name}: ${words[direction]}` : name}>{name}</dt>
              <dd title={fullValue(value)}>{shortNumber(asNumber(value) ?? NaN)}</dd>
            </div>
          );
        })}
      </dl>
    </section>
  );
}

const MARKS: Record<string, string> = { ok: 'M3 8.5l3.4 3.4L13 4.6', no: 'M4 4l8 8M12 4l-8 8', unknown: 'M3.5 8h9' };

/** Whether the notebook still shows how the run came about. */
function Honesty(props: { verdict: Verdict; trans: Trans }): React.JSX.Element | null {
  const { verdict, trans } = props;
  if (verdict.lines.length === 0) {
    return null;
  }
  return (
    <section className="nbt-section">
      <h3 className="nbt-section-title">{trans.__('Does the notebook still show how it came about?')}</h3>
      <ul className="nbt-verdict">
        {verdict.lines.map(line => (
          <li key={line.question} data-answer={line.answer}>
            <svg className="nbt-status-glyph" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d={MARKS[line.answer] ?? 'M3.5 8h9'} /></svg>
            <span><span className="nbt-verdict-question">{line.question}</span> <span className="nbt-dim">{line.reason}</span></span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Overview(props: Part & { client: Client; mark: string | null }): React.JSX.Element {
  const { client, mark, detail, trans } = props;
  const { answer: verdict } = useAnswer(client, 'lineage.verdict', { run: detail.row.id }, mark);
  return (
    <>
      {detail.traceback !== null && (
        <section className="nbt-section">
          <h3 className="nbt-section-title">{trans.__('Why it failed')}</h3>
          <pre className="nbt-output-text nbt-output-error" tabIndex={0}>{plain(detail.traceback)}</pre>
        </section>
      )}
      <Figures detail={detail} trans={trans} />
      <Facts title={trans.__('Params')} facts={Object.entries(detail.row.params).map(([name, value]) => [name, value ?? 'None'])} />
      {detail.notes.length > 0 && (
        <section className="nbt-section">
          <h3 className="nbt-section-title">{trans.__('Notes')}</h3>
          <ul className="nbt-notes">{detail.notes.map((note, index) => <li key={index}>{note}</li>)}</ul>
        </section>
      )}
      {verdict && <Honesty verdict={verdict} trans={trans} />}
    </>
  );
}

function Files({ detail, trans }: Part): React.JSX.Element {
  if (detail.artifacts.length === 0) {
    return <p className="nbt-hint">{trans.__('This run has no artifact and no model.')}</p>;
  }
  return (
    <div className="nbt-grid-scroll" tabIndex={0} role="region" aria-label={trans.__('Artifacts')}>
      <table className="nbt-grid-table">
        <thead>
          <tr>
            <th scope="col">{trans.__('Name')}</th>
            <th scope="col">{trans.__('Kind')}</th>
            <th scope="col">{trans.__('Type')}</th>
            <th scope="col" className="nbt-end">{trans.__('Size')}</th>
            <th scope="col">{trans.__('Digest')}</th>
          </tr>
        </thead>
        <tbody>
          {detail.artifacts.map(artifact => (
            <tr key={artifact.name}>
              <th scope="row" title={artifact.name}>{artifact.name}</th>
              <td>{artifact.kind} <span className="nbt-dim">{artifact.format}</span></td>
              <td className="nbt-dim">{artifact.type_name ?? ''}</td>
              <td className="nbt-end">{bytes(artifact.size)}</td>
              <td className="nbt-dim nbt-code" title={artifact.digest ?? undefined}>{artifact.digest?.split(':').pop()?.slice(0, 12) ?? artifact.note ?? ''}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Environment({ detail, trans }: Part): React.JSX.Element {
  const { revision, surroundings, packages, python } = detail;
  const use = surroundings.use;
  const dirty = revision.dirty ? trans.__('with uncommitted changes') : '';
  return (
    <>
      <Facts
        title={trans.__('Code')}
        facts={[
          [trans.__('commit'), revision.commit && [revision.commit.slice(0, 12), dirty].filter(Boolean).join(' ')],
          [trans.__('branch'), revision.branch],
          ...Object.entries(surroundings.remotes),
          [trans.__('arguments'), surroundings.arguments],
          ...surroundings.modules.map(module => [module.path, module.digest?.split(':').pop()?.slice(0, 12) ?? module.note] as const)
        ]}
      />
      <Facts
        title={trans.__('Machine')}
        facts={[
          ...Object.entries(surroundings.hardware),
          [trans.__('CPU time'), use ? duration(use.cpu) : null],
          [trans.__('most memory'), use ? bytes(use.memory) : null],
          [trans.__('GPU memory'), use?.gpu_memory ? bytes(use.gpu_memory) : null]
        ]}
      />
      <Facts title={trans.__('Variables')} facts={Object.entries(surroundings.variables)} />
      <Facts title={trans.__('Packages')} facts={[['python', python], ...Object.entries(packages)]} />
    </>
  );
}

/** All that is known of one run. */
export function RunPage(props: { client: Client; run: string; mark: string | null; trans: Trans }): React.JSX.Element {
  const { client, run, mark, trans } = props;
  const { answer: detail, error } = useAnswer(client, 'runs.get', { run }, mark);
  const runs = useMemo(() => (detail ? [detail.row] : []), [detail]);
  if (!detail) {
    return (
      <div className="nbt-root nbt-page">
        {error === null ? <p className="nbt-hint" role="status">{trans.__('Reading the run…')}</p> : <ErrorMessage message={error} trans={trans} />}
      </div>
    );
  }
  return (
    <div className="nbt-root nbt-page">
      <Head detail={detail} trans={trans} />
      <Tabs
        label={trans.__('Parts of the run')}
        tabs={[
          { key: 'overview', label: trans.__('Overview'), draw: () => <Overview client={client} mark={mark} detail={detail} trans={trans} /> },
          { key: 'curves', label: trans.__('Curves'), draw: () => <MetricCharts client={client} runs={runs} mark={mark} trans={trans} /> },
          { key: 'cells', label: trans.__('Cells'), count: detail.cells.length, draw: () => <RunCells client={client} run={run} cells={detail.cells} mark={mark} trans={trans} /> },
          { key: 'data', label: trans.__('Data'), count: detail.datasets.length, draw: () => <RunDataView client={client} run={run} mark={mark} trans={trans} /> },
          { key: 'files', label: trans.__('Artifacts'), count: detail.artifacts.length, draw: () => <Files detail={detail} trans={trans} /> },
          { key: 'environment', label: trans.__('Environment'), draw: () => <Environment detail={detail} trans={trans} /> }
        ]}
      />
    </div>
  );
}
