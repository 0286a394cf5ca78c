import type * as React from 'react';
import type { Client } from '../api/client';
import type { CellExecution } from '../api/types';
import { useAnswer } from './asked';
import { bytes } from './Facts';
import { duration, moment } from './format';
import { Outputs, plain } from './Outputs';
import { Source } from './Source';
import type { Trans } from './translate';

/** The cells of a run as they were executed, each with what it showed. */
export function RunCells(props: {
  client: Client;
  run: string;
  cells: readonly CellExecution[];
  mark: string | null;
  trans: Trans;
}): React.JSX.Element {
  const { client, run, cells, mark, trans } = props;
  const { answer, error } = useAnswer(client, 'runs.outputs', { run }, mark);
  const shown = new Map(answer?.map(found => [found.execution, found]));
  if (cells.length === 0) {
    return <p className="nbt-hint">{trans.__('No cell of this run is remembered: it ran in a script.')}</p>;
  }
  return (
    <>
      {error !== null && <p className="nbt-hint" role="alert">{error}</p>}
      <ol className="nbt-cells">
        {cells.map(cell => {
          const outputs = shown.get(cell.id);
          return (
            <li key={cell.id} className="nbt-cell" data-outcome={cell.outcome}>
              <div className="nbt-cell-head">
                <span className="nbt-cell-count">[{cell.execution_count ?? ' '}]</span>
                <span className="nbt-dim" title={moment(cell.started)}>{duration(cell.duration)}</span>
                {cell.outcome !== 'ok' && <span className="nbt-cell-outcome">{cell.outcome === 'error' ? trans.__('error') : trans.__('interrupted')}</span>}
              </div>
              <Source text={cell.source} />
              {outputs && outputs.outputs.length > 0 && <Outputs outputs={outputs.outputs} trans={trans} />}
              {outputs && outputs.left_out > 0 && (
                <p className="nbt-hint">{trans.__('%1 of outputs are not shown; the snapshot of the run has them.', bytes(outputs.left_out))}</p>
              )}
              {cell.traceback !== null && !outputs?.outputs.some(output => output['output_type'] === 'error') && (
                <pre className="nbt-output-text nbt-output-error" tabIndex={0}>{plain(cell.traceback)}</pre>
              )}
            </li>
          );
        })}
      </ol>
    </>
  );
}
