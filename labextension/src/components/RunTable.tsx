import type * as React from 'react';
import { useMemo, useRef, useState } from 'react';
import type { RunRow, RunTable as Table } from '../api/types';
import { EmptyMessage, ErrorMessage, LoadingMessage, NoMatchMessage } from './Message';
import { RunTableCompact } from './RunTableCompact';
import { RunTableWide } from './RunTableWide';
import { shownColumns, valueColumns } from './columns';
import type { ValueColumn } from './columns';
import { useNow, useWidth } from './observed';
import { useSelection } from './selection';
import { nextSortings, sortedRuns } from './sorting';
import type { Sorting } from './sorting';
import type { Trans } from './translate';

/** Below this width in pixels columns do not fit, and each run takes two lines instead. */
const COMPACT_BELOW = 440;

export interface RunTableProps {
  /** The runs to show; null while they are not known. */
  table: Table | null;
  /** Why there is no table, for a person. */
  error?: string | null;
  /** Whether the table answers a filter, so that an empty one means "no match". */
  filtered?: boolean;
  /** Take the height of the surrounding element instead of growing up to a limit. */
  fill?: boolean;
  trans: Trans;
  onRetry?: () => void;
  /** Show all that is known of a run. */
  onOpen?: (run: RunRow) => void;
  /** Draws what can be done with the chosen runs; without it none can be chosen. */
  tools?: (chosen: readonly RunRow[], columns: readonly ValueColumn[], clear: () => void) => React.JSX.Element;
}

function Summary(props: {
  table: Table;
  columns: readonly ValueColumn[];
  onlyVarying: boolean;
  trans: Trans;
  onToggle: (onlyVarying: boolean) => void;
}): React.JSX.Element {
  const { table, columns, onlyVarying, trans, onToggle } = props;
  const same = table.runs.length > 1 ? columns.filter(column => !column.varies) : [];
  const count =
    table.total > table.runs.length
      ? trans.__('%1 of %2 runs', table.runs.length.toLocaleString(), table.total.toLocaleString())
      : trans._n('%2 run', '%2 runs', table.total, table.total.toLocaleString());
  return (
    <div className="nbt-summary">
      <span className="nbt-count" role="status">{count}</span>
      {same.length > 0 && (
        <label className="nbt-toggle" title={same.map(column => column.name).join(', ')}>
          <input type="checkbox" checked={onlyVarying} onChange={event => { onToggle(event.currentTarget.checked); }} />
          <span>{trans.__('Only what varies')}</span>
          {onlyVarying && <span className="nbt-dim">{trans._n('%1 hidden', '%1 hidden', same.length)}</span>}
        </label>
      )}
    </div>
  );
}

/** A table of runs: what varies between them, sortable, in the form that fits its width. */
export function RunTable(props: RunTableProps): React.JSX.Element {
  const { table, error, filtered, fill, trans, onRetry, onOpen, tools } = props;
  const root = useRef<HTMLDivElement>(null);
  const width = useWidth(root);
  const now = useNow(30_000);
  const [onlyVarying, setOnlyVarying] = useState(true);
  const [sortings, setSortings] = useState<readonly Sorting[]>([]);

  const columns = useMemo(() => (table ? valueColumns(table) : []), [table]);
  const shown = useMemo(
    () => shownColumns(columns, table?.runs.length ?? 0, onlyVarying),
    [columns, table, onlyVarying]
  );
  const runs = useMemo(() => sortedRuns(table?.runs ?? [], sortings, columns), [table, sortings, columns]);

  const selection = useSelection(runs);
  const chosen = useMemo(() => runs.filter(run => selection.chosen.has(run.id)), [runs, selection]);

  const empty = runs.length === 0;
  const Form = width !== null && width < COMPACT_BELOW ? RunTableCompact : RunTableWide;
  return (
    <div className={`nbt-root nbt-run-table${fill ? ' nbt-mod-fill' : ''}`} ref={root}>
      {error ? (
        <ErrorMessage message={error} onRetry={onRetry} trans={trans} />
      ) : !table ? (
        <LoadingMessage trans={trans} />
      ) : (
        <>
          {!empty && <Summary table={table} columns={columns} onlyVarying={onlyVarying} trans={trans} onToggle={setOnlyVarying} />}
          {tools?.(chosen, shown, selection.clear)}
          {empty && (filtered ? <NoMatchMessage trans={trans} /> : <EmptyMessage trans={trans} />)}
          {/* Without a width (not laid out yet) any form would be a guess. */}
          {!empty && width !== null && (
            <Form
              runs={runs}
              columns={shown}
              sortings={sortings}
              now={now}
              trans={trans}
              onOpen={onOpen}
              selection={tools && selection}
              onSort={(key, add) => { setSortings(current => (key ? nextSortings(current, key, columns, add) : [])); }}
            />
          )}
        </>
      )}
    </div>
  );
}
