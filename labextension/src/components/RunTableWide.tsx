import type * as React from 'react';
import { useRef } from 'react';
import type { CSSProperties } from 'react';
import type { RunRow } from '../api/types';
import { Choose, Pinned, RunLink, walkRows } from './RunControls';
import type { RowActions } from './RunControls';
import { Status } from './Status';
import { isBest } from './columns';
import type { ValueColumn } from './columns';
import { ago, duration, moment } from './format';
import type { Sorting } from './sorting';
import type { Trans } from './translate';
import { useVirtualRows } from './virtual_rows';

const ROW_HEIGHT = 28;

/** What both forms of the table draw from. */
export interface RunTableForm extends RowActions {
  readonly runs: readonly RunRow[];
  readonly columns: readonly ValueColumn[];
  readonly sortings: readonly Sorting[];
  readonly now: number;
  readonly trans: Trans;
  /** Sort by a key; with `add` only where the present sortings find runs equal. */
  readonly onSort: (key: string, add: boolean) => void;
}

interface Heading {
  readonly key: string;
  readonly label: string;
  readonly title: string;
  readonly end: boolean;
  readonly characters: number;
}

function valueTitle(column: ValueColumn, trans: Trans): string {
  if (column.kind === 'param') {
    return trans.__('%1: param', column.name);
  }
  switch (column.direction) {
    case 'lower':
      return trans.__('%1: metric, lower is better', column.name);
    case 'higher':
      return trans.__('%1: metric, higher is better', column.name);
    default:
      return trans.__('%1: metric', column.name);
  }
}

function headings({ columns, runs, selection, trans }: RunTableForm): Heading[] {
  const longest = runs.reduce((most, run) => Math.max(most, run.name.length), 0);
  const fixed = (key: string, label: string, characters: number, end = false): Heading =>
    ({ key, label, title: label, end, characters });
  return [
    fixed('name', trans.__('Run'), Math.max(7, Math.min(28, Math.ceil(longest * 0.95))) + (selection ? 3 : 0)),
    fixed('status', trans.__('Status'), 11),
    ...columns.map(column => ({
      key: column.key,
      label: column.name,
      title: valueTitle(column, trans),
      end: column.numeric,
      characters: column.width
    })),
    fixed('started', trans.__('Started'), 10, true),
    fixed('duration', trans.__('Duration'), 8, true)
  ];
}

function SortButton(props: { heading: Heading; sortings: readonly Sorting[]; onSort: RunTableForm['onSort'] }): React.JSX.Element {
  const { heading, sortings, onSort } = props;
  const place = sortings.findIndex(sorting => sorting.key === heading.key);
  const active = sortings[place];
  return (
    <button
      type="button"
      className="nbt-sort"
      title={heading.title}
      data-sorted={active && (active.descending ? 'descending' : 'ascending')}
      onClick={event => { onSort(heading.key, event.shiftKey); }}
    >
      <span className="nbt-sort-label">{heading.label}</span>
      <svg className="nbt-sort-glyph" viewBox="0 0 10 10" aria-hidden="true" focusable="false">
        <path d={active?.descending ? 'M5 8.2 1.8 3h6.4z' : 'M5 1.8 8.2 7H1.8z'} />
      </svg>
      {active && sortings.length > 1 && <span className="nbt-sort-place">{place + 1}</span>}
    </button>
  );
}

function ariaSort(sorting: Sorting | undefined): 'none' | 'ascending' | 'descending' {
  return !sorting ? 'none' : sorting.descending ? 'descending' : 'ascending';
}

function ValueCell(props: { column: ValueColumn; run: RunRow; trans: Trans }): React.JSX.Element {
  const { column, run, trans } = props;
  const best = isBest(column, run);
  const title = column.title(run);
  return (
    <td className={column.numeric ? 'nbt-end' : undefined} title={best ? trans.__('%1 (best)', title) : title}>
      {best ? (
        <span className="nbt-best">
          {column.text(run)}
          <span className="nbt-sr-only"> {trans.__('best')}</span>
        </span>
      ) : (
        column.text(run)
      )}
    </td>
  );
}

/** The table form: one row per run, one column per value, the name kept in sight while scrolling sideways. */
export function RunTableWide(props: RunTableForm): React.JSX.Element {
  const { runs, columns, sortings, now, trans, onSort, onOpen, selection } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useVirtualRows(scroller, runs.length, ROW_HEIGHT);
  const heads = headings(props);
  const width = (heading: Heading): CSSProperties => ({ width: `calc(${heading.characters}ch + var(--nbt-cell-extra))` });
  const characters = heads.reduce((sum, heading) => sum + heading.characters, 0);
  const least = `calc(${characters}ch + ${heads.length} * var(--nbt-cell-extra))`;
  const space = heads.length + 1;

  return (
    <div className="nbt-scroll" ref={scroller} tabIndex={0} role="region" aria-label={trans.__('Table of runs')} onKeyDown={event => { walkRows(event, runs, selection, ROW_HEIGHT); }}>
      <table className="nbt-table" aria-rowcount={runs.length + 1} style={{ minWidth: least }}>
        <colgroup>
          {heads.map(heading => <col key={heading.key} style={width(heading)} />)}
          {/* Takes what is left over, so that the columns stay together on a wide page. */}
          <col />
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            {heads.map(heading => (
              <th
                key={heading.key}
                scope="col"
                className={heading.end ? 'nbt-end' : undefined}
                aria-sort={ariaSort(sortings.find(sorting => sorting.key === heading.key))}
              >
                <SortButton heading={heading} sortings={sortings} onSort={onSort} />
              </th>
            ))}
            <td aria-hidden="true" />
          </tr>
        </thead>
        <tbody>
          {rows.before > 0 && (
            <tr aria-hidden="true" className="nbt-space" style={{ height: rows.before }}><td colSpan={space} /></tr>
          )}
          {rows.indices.map(index => {
            const run = runs[index];
            return run && (
              <tr key={run.id} aria-rowindex={index + 2} data-row={index} data-chosen={selection?.chosen.has(run.id)}>
                <th scope="row" title={run.name}>
                  <span className="nbt-row-head">
                    <Choose run={run} selection={selection} trans={trans} />
                    <RunLink run={run} onOpen={onOpen} />
                    <Pinned run={run} trans={trans} />
                  </span>
                </th>
                <td><Status status={run.status} trans={trans} /></td>
                {columns.map(column => <ValueCell key={column.key} column={column} run={run} trans={trans} />)}
                <td className="nbt-end nbt-dim" title={moment(run.started)}>{ago(run.started, now, trans)}</td>
                <td className="nbt-end nbt-dim" title={run.duration === null ? undefined : `${run.duration} s`}>
                  {duration(run.duration)}
                </td>
                <td aria-hidden="true" />
              </tr>
            );
          })}
          {rows.after > 0 && (
            <tr aria-hidden="true" className="nbt-space" style={{ height: rows.after }}><td colSpan={space} /></tr>
          )}
        </tbody>
      </table>
    </div>
  );
}
