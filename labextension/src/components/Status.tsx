import type * as React from 'react';
import type { RunStatus } from '../api/types';
import { statusLabel } from './format';
import type { Trans } from './translate';

// A newer store may know a status that this front end does not: it gets a dash.
const GLYPHS: Readonly<Partial<Record<RunStatus, string>>> = {
  running: 'M8 2.5a5.5 5.5 0 1 1-5.5 5.5',
  finished: 'M3 8.5l3.4 3.4L13 4.6',
  failed: 'M4 4l8 8M12 4l-8 8',
  interrupted: 'M5.5 3.5v9M10.5 3.5v9',
  crashed: 'M8 2.5v7M8 12.4v.6'
};

/** How a run stands: a glyph of its own shape and the word; a `quiet` one leaves the word to screen readers. */
export function Status(props: { status: RunStatus; quiet?: boolean; trans: Trans }): React.JSX.Element {
  const label = statusLabel(props.status, props.trans);
  const path = GLYPHS[props.status];
  return (
    <span className="nbt-status" data-status={props.status} title={label}>
      <svg className="nbt-status-glyph" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
        <path d={path ?? 'M3.5 8h9'} />
      </svg>
      <span className={props.quiet ? 'nbt-sr-only' : 'nbt-status-label'}>{label}</span>
    </span>
  );
}
