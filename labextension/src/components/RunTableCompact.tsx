import type * as React from 'react';
import { useRef } from 'react';
import type { RunRow } from '../api/types';
import { Choose, Pinned, RunLink, walkRows } from './RunControls';
import type { RunTableForm } from './RunTableWide';
import { Status } from './Status';
import { isBest } from './columns';
import type { ValueColumn } from './columns';
import { ago, duration, moment } from './format';
import type { Trans } from './translate';
import { useVirtualRows } from './virtual_rows';

const ROW_HEIGHT = 46;

/** What a reader looks for first: metrics, then params. */
const metricsFirst = (columns: readonly ValueColumn[]): ValueColumn[] => [
  ...columns.filter(column => column.kind === 'metric'),
  ...columns.filter(column => column.kind === 'param')
];

function Values(props: { run: RunRow; columns: readonly ValueColumn[]; trans: Trans }): React.JSX.Element {
  const { run, columns, trans } = props;
  const present = columns.filter(column => column.value(run) !== undefined);
  const all = present.map(column => `${column.name} = ${column.title(run)}`).join('\n');
  return (
    <span className="nbt-item-values" title={all}>
      {present.map(column => (
        <span key={column.key} className="nbt-item-value">
          <span className="nbt-item-label">{column.name}</span>{' '}
          {isBest(column, run) ? (
            <span className="nbt-best">
              {column.text(run)}
              <span className="nbt-sr-only"> {trans.__('best')}</span>
            </span>
          ) : (
            column.text(run)
          )}
        </span>
      ))}
    </span>
  );
}

function SortChoice(props: RunTableForm): React.JSX.Element {
  const { columns, sortings, trans, onSort } = props;
  const sorting = sortings[0];
  const fixed: [string, string][] = [
    ['started', trans.__('Started')],
    ['name', trans.__('Run')],
    ['status', trans.__('Status')],
    ['duration', trans.__('Duration')]
  ];
  return (
    <div className="nbt-sortbar">
      <label className="nbt-sortbar-label">
        <span>{trans.__('Sort')}</span>
        <select
          className="nbt-select"
          value={sorting?.key ?? ''}
          onChange={event => { onSort(event.currentTarget.value, false); }}
        >
          <option value="">{trans.__('newest first')}</option>
          {metricsFirst(columns).map(column => <option key={column.key} value={column.key}>{column.name}</option>)}
          {fixed.map(([key, label]) => <option key={key} value={key}>{label}</option>)}
        </select>
      </label>
      {sorting && (
        <button
          type="button"
          className="nbt-button nbt-button-quiet"
          aria-label={sorting.descending ? trans.__('Descending; reverse') : trans.__('Ascending; reverse')}
          title={sorting.descending ? trans.__('Descending') : trans.__('Ascending')}
          onClick={() => { onSort(sorting.key, false); }}
        >
          <svg className="nbt-sort-glyph" viewBox="0 0 10 10" aria-hidden="true" focusable="false">
            <path d={sorting.descending ? 'M5 8.2 1.8 3h6.4z' : 'M5 1.8 8.2 7H1.8z'} />
          </svg>
        </button>
      )}
    </div>
  );
}

/** The form for a sidebar: two lines per run, its name and state above, the values in which it differs below. */
export function RunTableCompact(props: RunTableForm): React.JSX.Element {
  const { runs, columns, now, trans, onOpen, selection } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useVirtualRows(scroller, runs.length, ROW_HEIGHT);
  const values = metricsFirst(columns);

  return (
    <>
      {runs.length > 1 && <SortChoice {...props} />}
      <div className="nbt-scroll" ref={scroller} tabIndex={0} role="region" aria-label={trans.__('List of runs')} onKeyDown={event => { walkRows(event, runs, selection, ROW_HEIGHT); }}>
        <ul className="nbt-list" style={{ paddingTop: rows.before, paddingBottom: rows.after }}>
          {rows.indices.map(index => {
            const run = runs[index];
            return run && (
              <li key={run.id} className="nbt-item" aria-setsize={runs.length} aria-posinset={index + 1} data-row={index} data-chosen={selection?.chosen.has(run.id)}>
                <span className="nbt-item-head">
                  <Choose run={run} selection={selection} trans={trans} />
                  <Status status={run.status} quiet={run.status === 'finished'} trans={trans} />
                  <span className="nbt-item-name" title={run.name}><RunLink run={run} onOpen={onOpen} /></span>
                  <Pinned run={run} trans={trans} />
                  <span
                    className="nbt-item-time"
                    title={`${moment(run.started)}\n${trans.__('Duration: %1', duration(run.duration))}`}
                  >
                    {ago(run.started, now, trans)}
                  </span>
                </span>
                <Values run={run} columns={values} trans={trans} />
              </li>
            );
          })}
        </ul>
      </div>
    </>
  );
}
