import type * as React from 'react';
import { useEffect, useMemo, useState } from 'react';
import type { Client } from '../api/client';
import type { Measured, MetricSeries } from '../api/types';
import { Chart } from './chart/Chart';
import type { Line } from './chart/lines';
import { asNumber } from './format';
import type { Trans } from './translate';

/** Points of a curve that are asked for: more than a screen has pixels for a chart. */
const POINTS = 1_200;
/** Charts at once; more are drawn when asked for. */
const MOST = 24;

export interface NamedRun {
  readonly id: string;
  readonly name: string;
  readonly metrics: Record<string, Measured>;
}

type Axis = 'step' | 'seconds' | 'moment';

type Curves = ReadonlyMap<string, MetricSeries>;

const keyOf = (run: string, metric: string): string => `${run}\n${metric}`;

/** All curves of some metrics of runs; each is drawn as soon as it is there. */
function useCurves(client: Client, runs: readonly NamedRun[], metrics: readonly string[], mark: string | null): Curves {
  const [curves, setCurves] = useState<Curves>(new Map());
  const wanted = JSON.stringify([runs.map(run => run.id), metrics]);
  useEffect(() => {
    let current = true;
    for (const run of runs) {
      for (const metric of metrics) {
        if (Object.prototype.hasOwnProperty.call(run.metrics, metric)) {
          client.ask('runs.metric', { run: run.id, name: metric, limit: POINTS }).then(
            series => {
              if (current) {
                setCurves(known => new Map([...known, [keyOf(run.id, metric), series]]));
              }
            },
            // A series that is gone since the page was drawn leaves its chart without this curve.
            () => undefined
          );
        }
      }
    }
    return () => { current = false; };
    // `wanted` has all of the runs and metrics that is asked for.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [client, wanted, mark]);
  return curves;
}

function lineOf(series: MetricSeries, run: NamedRun, color: number, axis: Axis): Line {
  const times = series.times.map(time => asNumber(time) ?? NaN);
  const began = times[0] ?? 0;
  const x = axis === 'step' ? series.steps : axis === 'moment' ? times : times.map(time => time - began);
  return { key: run.id, label: run.name, color, x, y: series.values.map(value => asNumber(value) ?? NaN) };
}

/** Which run has which colour; a press hides or shows its curves. */
function Legend(props: { runs: readonly NamedRun[]; hidden: ReadonlySet<string>; trans: Trans; onToggle: (id: string) => void }): React.JSX.Element {
  const { runs, hidden, trans, onToggle } = props;
  return (
    <div className="nbt-legend" role="group" aria-label={trans.__('Curves that are shown')}>
      {runs.map((run, index) => (
        <button
          key={run.id}
          type="button"
          className="nbt-legend-item"
          aria-pressed={!hidden.has(run.id)}
          onClick={() => { onToggle(run.id); }}
        >
          <span className="nbt-swatch" data-color={index % 10} aria-hidden="true" />
          {run.name}
        </button>
      ))}
    </div>
  );
}

/** A chart for each metric that has a course, of one run or of several laid over each other. */
export function MetricCharts(props: { client: Client; runs: readonly NamedRun[]; mark: string | null; trans: Trans }): React.JSX.Element {
  const { client, runs, mark, trans } = props;
  const [axis, setAxis] = useState<Axis>('step');
  const [log, setLog] = useState(false);
  const [smoothing, setSmoothing] = useState(0);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [all, setAll] = useState(false);
  const metrics = useMemo(() => [...new Set(runs.flatMap(run => Object.keys(run.metrics)))], [runs]);
  const asked = all ? metrics : metrics.slice(0, MOST);
  const curves = useCurves(client, runs, asked, mark);

  const drawn = asked
    .map(metric => ({ metric, found: runs.map(run => curves.get(keyOf(run.id, metric))) }))
    .filter(({ found }) => found.some(series => series && series.count > 1));
  const timed = drawn.every(({ found }) => found.every(series => !series || series.times.length > 0));
  const shownAxis = timed ? axis : 'step';
  const arrived = asked.every(metric =>
    runs.every(run => !Object.prototype.hasOwnProperty.call(run.metrics, metric) || curves.has(keyOf(run.id, metric)))
  );

  if (drawn.length === 0) {
    return (
      <p className="nbt-hint" role="status">
        {arrived ? trans.__('No metric was logged more than once, so there is no curve to draw.') : trans.__('Reading curves…')}
      </p>
    );
  }
  return (
    <>
      <div className="nbt-chart-bar">
        <label>
          {trans.__('Over')}{' '}
          <select className="nbt-select nbt-select-framed" value={shownAxis} onChange={event => { setAxis(event.currentTarget.value as Axis); }}>
            <option value="step">{trans.__('step')}</option>
            <option value="seconds" disabled={!timed}>{trans.__('time since the start')}</option>
            <option value="moment" disabled={!timed}>{trans.__('time')}</option>
          </select>
        </label>
        <label className="nbt-toggle">
          <input type="checkbox" checked={log} onChange={event => { setLog(event.currentTarget.checked); }} />
          {trans.__('Log scale')}
        </label>
        <label className="nbt-chart-smoothing">
          {trans.__('Smoothing')}
          <input type="range" min="0" max="0.99" step="0.01" value={smoothing} onChange={event => { setSmoothing(Number(event.currentTarget.value)); }} />
          <span className="nbt-dim nbt-digits">{smoothing.toFixed(2)}</span>
        </label>
      </div>
      {runs.length > 1 && (
        <Legend
          runs={runs}
          hidden={hidden}
          trans={trans}
          onToggle={id => {
            setHidden(current => new Set(current.has(id) ? [...current].filter(other => other !== id) : [...current, id]));
          }}
        />
      )}
      <div className="nbt-charts">
        {drawn.map(({ metric, found }) => {
          const count = found.reduce((most, series) => Math.max(most, series?.count ?? 0), 0);
          const reduced = found.some(series => series && series.count > series.steps.length);
          return (
            <Chart
              key={metric}
              title={metric}
              note={reduced ? trans.__('%1 points, lowest and highest of each stretch', count.toLocaleString()) : undefined}
              lines={found.flatMap((series, index) => {
                const run = runs[index];
                return series && run ? [lineOf(series, run, index % 10, shownAxis)] : [];
              })}
              xKind={shownAxis === 'step' ? 'linear' : shownAxis}
              log={log}
              smoothing={smoothing}
              hidden={hidden}
              trans={trans}
            />
          );
        })}
      </div>
      {metrics.length > asked.length && (
        <button type="button" className="nbt-button" onClick={() => { setAll(true); }}>
          {trans.__('Draw the other %1 metrics too', metrics.length - asked.length)}
        </button>
      )}
    </>
  );
}
