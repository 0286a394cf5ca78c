import { useCallback, useRef, useState } from 'react';
import type { RunRow } from '../api/types';

/** Which runs are chosen, and how a row chooses. */
export interface Selection {
  readonly chosen: ReadonlySet<string>;
  /** Choose a run or no longer; with `through` all runs from the one that was chosen last up to it. */
  toggle(run: RunRow, through: boolean): void;
  readonly clear: () => void;
}

/** The selection of a table whose rows stand in the given order. */
export function useSelection(runs: readonly RunRow[]): Selection {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const last = useRef<string | null>(null);
  const order = useRef(runs);
  order.current = runs;
  const toggle = useCallback((run: RunRow, through: boolean): void => {
    const ids = order.current.map(other => other.id);
    const [from, to] = [ids.indexOf(last.current ?? ''), ids.indexOf(run.id)];
    last.current = run.id;
    setChosen(current => {
      if (through && from >= 0) {
        return new Set([...current, ...ids.slice(Math.min(from, to), Math.max(from, to) + 1)]);
      }
      return new Set(current.has(run.id) ? [...current].filter(id => id !== run.id) : [...current, run.id]);
    });
  }, []);
  const clear = useCallback((): void => { setChosen(new Set()); }, []);
  return { chosen, toggle, clear };
}
