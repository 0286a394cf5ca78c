import type * as React from 'react';
import { useState } from 'react';
import type { Client } from '../api/client';
import type { RunRow } from '../api/types';
import { asText, toClipboard } from './copy';
import type { Form } from './copy';
import type { ValueColumn } from './columns';
import type { Trans } from './translate';

/** Runs that can be compared at once: as many as there are colours. */
const MOST_COMPARED = 10;

/** What was done, and how to take it back. */
interface Done {
  readonly text: string;
  readonly undo?: () => Promise<unknown>;
}

type Asking = 'tag' | 'note' | 'rename';

/** The name without its number: what a run is renamed to. */
const stemOf = (label: string): string => label.replace(/^.*\//, '').replace(/-\d+$/, '');

async function pin(client: Client, runs: readonly RunRow[], pinned: boolean, trans: Trans): Promise<Done> {
  const changed = runs.filter(run => run.pinned !== pinned).map(run => run.id);
  await client.decide('curation.pin', { runs: changed, pinned });
  return {
    text: pinned ? trans._n('%1 run pinned', '%1 runs pinned', changed.length) : trans._n('%1 run unpinned', '%1 runs unpinned', changed.length),
    undo: () => client.decide('curation.pin', { runs: changed, pinned: !pinned })
  };
}

async function tag(client: Client, runs: readonly RunRow[], text: string, trans: Trans): Promise<Done> {
  const [key = '', ...rest] = text.split('=');
  const name = key.trim();
  await client.decide('curation.tag', { tags: { [name]: rest.join('=').trim() }, runs: runs.map(run => run.id) });
  return {
    text: trans._n('%1 run tagged %2', '%1 runs tagged %2', runs.length, name),
    undo: async () => {
      for (const run of runs) {
        const before = Object.prototype.hasOwnProperty.call(run.tags, name) ? run.tags[name] : undefined;
        await (before === undefined
          ? client.decide('curation.untag', { tags: [name], runs: [run.id] })
          : client.decide('curation.tag', { tags: { [name]: before }, runs: [run.id] }));
      }
    }
  };
}

async function note(client: Client, runs: readonly RunRow[], text: string, trans: Trans): Promise<Done> {
  await client.decide('curation.note', { text, runs: runs.map(run => run.id) });
  const numbers = await Promise.all(runs.map(async run => (await client.ask('runs.get', { run: run.id })).notes.length));
  return {
    text: trans._n('Noted about %1 run', 'Noted about %1 runs', runs.length),
    undo: () => Promise.all(runs.map((run, index) => client.decide('curation.note', { runs: [run.id], number: numbers[index] ?? 0 })))
  };
}

async function rename(client: Client, runs: readonly RunRow[], name: string, trans: Trans): Promise<Done> {
  const done = await client.decide('curation.rename_runs', { name, runs: runs.map(run => run.id) });
  const names = done.names.map(label => label.replace(/^.*\//, ''));
  return {
    text: trans.__('Now called %1', names.slice(0, 3).join(', ') + (names.length > 3 ? ' …' : '')),
    undo: async () => {
      for (const run of runs) {
        await client.decide('curation.rename_runs', { name: stemOf(run.name), runs: [run.id] });
      }
    }
  };
}

async function trash(client: Client, runs: readonly RunRow[], trans: Trans): Promise<Done> {
  const ids = runs.map(run => run.id);
  await client.decide('trash.delete', { runs: ids });
  return {
    text: trans._n('%1 run moved to the trash', '%1 runs moved to the trash', ids.length),
    undo: () => client.decide('trash.restore', { runs: ids })
  };
}

/** A line to write in: Enter does it, Escape leaves it. */
function Line(props: { label: string; value: string; onDone: (text: string) => void; onLeave: () => void; trans: Trans }): React.JSX.Element {
  const { label, value, onDone, onLeave, trans } = props;
  const [text, setText] = useState(value);
  return (
    <form
      className="nbt-chosen-line"
      onSubmit={event => {
        event.preventDefault();
        if (text.trim()) {
          onDone(text.trim());
        }
      }}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          event.stopPropagation();
          onLeave();
        }
      }}
    >
      <input
        className="nbt-filter-input"
        ref={input => { input?.focus(); }}
        value={text}
        placeholder={label}
        aria-label={label}
        onChange={event => { setText(event.currentTarget.value); }}
      />
      <button type="submit" className="nbt-button nbt-button-main" disabled={!text.trim()}>{trans.__('OK')}</button>
      <button type="button" className="nbt-button nbt-button-quiet" aria-label={trans.__('Cancel')} title={trans.__('Cancel')} onClick={onLeave}>×</button>
    </form>
  );
}

/** What can be done with the chosen runs, and what was done with the last ones. */
export function ChosenRuns(props: {
  runs: readonly RunRow[];
  columns: readonly ValueColumn[];
  client: Client;
  trans: Trans;
  onClear: () => void;
  onCompare: (runs: readonly RunRow[]) => void;
  /** The store has changed. */
  onChanged: () => void;
}): React.JSX.Element | null {
  const { runs, columns, client, trans, onClear, onCompare, onChanged } = props;
  const [asking, setAsking] = useState<Asking | null>(null);
  const [done, setDone] = useState<Done | null>(null);
  const [error, setError] = useState<string | null>(null);

  const carryOut = (action: () => Promise<Done | null>): void => {
    setAsking(null);
    setError(null);
    action().then(
      what => {
        setDone(what);
        onChanged();
      },
      (reason: unknown) => {
        setDone(null);
        setError(reason instanceof Error ? reason.message : String(reason));
      }
    );
  };
  const copy = (form: Form): void => {
    carryOut(async () => {
      await toClipboard(asText(form, runs, columns));
      return { text: trans._n('%1 run copied', '%1 runs copied', runs.length) };
    });
  };
  const fits = runs.length >= 2 && runs.length <= MOST_COMPARED;
  const pinned = runs.every(run => run.pinned);
  const labels: Record<Asking, string> = {
    tag: trans.__('Tag, e.g. good or kind = baseline'),
    note: trans.__('Note'),
    rename: trans.__('New name, without a number')
  };

  return (
    <>
      {runs.length > 0 && (
        <div className="nbt-chosen" role="toolbar" aria-label={trans.__('Chosen runs')}>
          <span className="nbt-chosen-count" role="status">{trans._n('%1 chosen', '%1 chosen', runs.length)}</span>
          <button
            type="button"
            className="nbt-button nbt-button-main"
            disabled={!fits}
            title={fits ? undefined : trans.__('Choose 2 to %1 runs', MOST_COMPARED)}
            onClick={() => { onCompare(runs); }}
          >
            {trans.__('Compare')}
          </button>
          <button type="button" className="nbt-button" onClick={onClear}>{trans.__('Clear')}</button>
          <div className="nbt-chosen-tools">
            <button type="button" className="nbt-button" onClick={() => { carryOut(() => pin(client, runs, !pinned, trans)); }}>
              {pinned ? trans.__('Unpin') : trans.__('Pin')}
            </button>
            <button type="button" className="nbt-button" aria-expanded={asking === 'tag'} onClick={() => { setAsking('tag'); }}>{trans.__('Tag')}</button>
            <button type="button" className="nbt-button" aria-expanded={asking === 'note'} onClick={() => { setAsking('note'); }}>{trans.__('Note')}</button>
            <button type="button" className="nbt-button" aria-expanded={asking === 'rename'} onClick={() => { setAsking('rename'); }}>{trans.__('Rename')}</button>
            <select
              className="nbt-select nbt-select-button"
              aria-label={trans.__('Copy the chosen runs as')}
              value=""
              onChange={event => { copy(event.currentTarget.value as Form); }}
            >
              <option value="" disabled>{trans.__('Copy')} ▾</option>
              <option value="markdown">Markdown</option>
              <option value="csv">CSV</option>
              <option value="latex">LaTeX</option>
            </select>
            <button type="button" className="nbt-button" onClick={() => { carryOut(() => trash(client, runs, trans)); }}>{trans.__('Trash')}</button>
          </div>
        </div>
      )}
      {asking && runs.length > 0 && (
        <Line
          key={asking}
          label={labels[asking]}
          value={asking === 'rename' ? stemOf(runs[0]?.name ?? '') : ''}
          trans={trans}
          onLeave={() => { setAsking(null); }}
          onDone={text => { carryOut(() => ({ tag, note, rename })[asking](client, runs, text, trans)); }}
        />
      )}
      {(done ?? error) !== null && (
        <div className="nbt-done" role={error === null ? 'status' : 'alert'} data-error={error !== null}>
          <span>{error ?? done?.text}</span>
          {done?.undo && (
            <button
              type="button"
              className="nbt-button nbt-button-main"
              onClick={() => {
                const undo = done.undo;
                carryOut(async () => {
                  await undo?.();
                  return { text: trans.__('Taken back') };
                });
              }}
            >
              {trans.__('Undo')}
            </button>
          )}
          <button type="button" className="nbt-button nbt-button-quiet" aria-label={trans.__('Close this message')} onClick={() => { setDone(null); setError(null); }}>×</button>
        </div>
      )}
    </>
  );
}
