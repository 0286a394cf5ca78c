import type * as React from 'react';
import type { RunRow } from '../api/types';
import { RunName } from './RunName';
import type { Selection } from './selection';
import type { Trans } from './translate';

/** What a person may do with a row; absent where the host has no place for it. */
export interface RowActions {
  readonly onOpen?: (run: RunRow) => void;
  readonly selection?: Selection;
}

/** The mark that chooses a run; with Shift it chooses all up to it. */
export function Choose(props: { run: RunRow; selection: Selection | undefined; trans: Trans }): React.JSX.Element | null {
  const { run, selection, trans } = props;
  return (
    selection ? (
      <input
        type="checkbox"
        className="nbt-choose"
        checked={selection.chosen.has(run.id)}
        aria-label={trans.__('Choose %1', run.name)}
        onChange={event => { selection.toggle(run, (event.nativeEvent as MouseEvent).shiftKey); }}
      />
    ) : null
  );
}

/** That a run is pinned. */
export function Pinned(props: { run: RunRow; trans: Trans }): React.JSX.Element | null {
  return props.run.pinned ? (
    <span className="nbt-pin" title={props.trans.__('pinned')}>
      <svg className="nbt-status-glyph" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d="M6 2h4l-.6 5 2.6 2.5H4L6.6 7zM8 9.5V14" /></svg>
      <span className="nbt-sr-only">{props.trans.__('pinned')}</span>
    </span>
  ) : null;
}

/** The name of a run: the way to its page, where there is one. */
export function RunLink(props: { run: RunRow; onOpen: ((run: RunRow) => void) | undefined }): React.JSX.Element {
  const { run, onOpen } = props;
  return onOpen ? (
    // The name stands in two boxes, between which a screen reader would pause.
    <button type="button" className="nbt-link" aria-label={run.name} onClick={() => { onOpen(run); }}>
      <RunName name={run.name} />
    </button>
  ) : (
    <RunName name={run.name} />
  );
}

/**
 * The keys of a list of runs: arrows, Home and End walk, Space chooses (with Shift up to there).
 *
 * Each row has `data-row`, its place in `runs`.
 */
export function walkRows(event: React.KeyboardEvent<HTMLElement>, runs: readonly RunRow[], selection: Selection | undefined, height: number): void {
  const row = (event.target as HTMLElement).closest<HTMLElement>('[data-row]');
  const scroller = event.currentTarget;
  const at = row ? Number(row.dataset['row']) : -1;
  const run = runs[at];
  if (event.key === ' ' && run && selection && !(event.target instanceof HTMLInputElement)) {
    event.preventDefault();
    selection.toggle(run, event.shiftKey);
    return;
  }
  const page = Math.max(1, Math.floor(scroller.clientHeight / height) - 2);
  const places: Record<string, number> = {
    ArrowDown: at + 1,
    ArrowUp: at - 1,
    PageDown: at + page,
    PageUp: at - page,
    Home: 0,
    End: runs.length - 1
  };
  const wanted = places[event.key];
  if (wanted === undefined || (!row && event.key !== 'ArrowDown')) {
    return;
  }
  event.preventDefault();
  const next = Math.max(0, Math.min(runs.length - 1, wanted));
  const top = next * height;
  // A heading that stays above covers the first row of the scrolled part.
  if (top < scroller.scrollTop) {
    scroller.scrollTop = top;
  } else if (top + 2 * height > scroller.scrollTop + scroller.clientHeight) {
    scroller.scrollTop = top + 2 * height - scroller.clientHeight;
  }
  const focus = (tries: number): void => {
    const row = scroller.querySelector<HTMLElement>(`[data-row="${next}"]`);
    const target = row?.querySelector<HTMLElement>('.nbt-link') ?? row?.querySelector<HTMLElement>('input');
    if (target) {
      target.focus({ preventScroll: true });
    } else if (tries > 0) {
      requestAnimationFrame(() => { focus(tries - 1); });
    }
  };
  focus(5);
}
