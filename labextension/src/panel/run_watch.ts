import type { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { Signal } from '@lumino/signaling';
import type { ISignal } from '@lumino/signaling';
import type { Client } from '../api/client';
import { ServerError } from '../api/transport';
import type { Transport } from '../api/transport';
import type { RunTable } from '../api/types';
import type { IPlace } from './place';

/** What the panel shows. A wrong filter leaves the last table standing. */
export interface RunWatchState {
  readonly table: RunTable | null;
  readonly filter: string;
  readonly filterError: string | null;
  readonly error: string | null;
}

const INTERVAL = 2_000;
const SLOWEST = 30_000;

/** Keeps the runs of a place current: asks every two seconds, but only while somebody can see the answer. */
export class RunWatch implements IDisposable {
  private readonly _changed = new Signal<this, RunWatchState>(this);
  private readonly poll: Poll;
  private _state: RunWatchState = { table: null, filter: '', filterError: null, error: null };
  private mark: string | null = null;
  /** The filter cannot be read: asking again would get the same answer, and a line in the browser's console. */
  private refused = false;
  private visible = false;

  constructor(
    private readonly transport: Transport,
    private readonly place: IPlace
  ) {
    this.poll = new Poll({
      name: 'nbtrack:runs',
      auto: false,
      factory: () => this.ask(),
      frequency: { interval: INTERVAL, backoff: true, max: SLOWEST },
      standby: () => !this.visible || document.hidden
    });
    place.changed.connect(this.onPlaceChanged);
    document.addEventListener('visibilitychange', this.onVisibility);
  }

  /** The way to the store that the table is of. */
  get client(): Client {
    return this.transport.at(this.place.path);
  }

  get state(): RunWatchState {
    return this._state;
  }

  get changed(): ISignal<this, RunWatchState> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this.poll.isDisposed;
  }

  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    document.removeEventListener('visibilitychange', this.onVisibility);
    this.poll.dispose();
    this.place.changed.disconnect(this.onPlaceChanged);
    Signal.clearData(this);
  }

  /** Whether the panel is in sight. */
  setVisible(visible: boolean): void {
    this.visible = visible;
    if (visible) {
      this.refresh();
    }
  }

  /** Ask for the runs that match a filter. */
  setFilter(filter: string): void {
    if (filter !== this._state.filter) {
      this.forget();
      this.set({ filter });
      this.refresh();
    }
  }

  /** Ask now rather than at the next turn. */
  refresh(): void {
    if (this.visible && !this.isDisposed) {
      // A failed answer is shown by `ask`; the poll itself only needs it to slow down.
      void this.poll.refresh().catch(() => undefined);
    }
  }

  private readonly onVisibility = (): void => {
    if (!document.hidden) {
      this.refresh();
    }
  };

  private readonly onPlaceChanged = (): void => {
    this.forget();
    this.refresh();
  };

  private forget(): void {
    this.mark = null;
    this.refused = false;
  }

  private async ask(): Promise<void> {
    if (this.refused) {
      return;
    }
    const query = { path: this.place.path, filter: this._state.filter };
    const isCurrent = (): boolean =>
      !this.isDisposed && query.path === this.place.path && query.filter === this._state.filter;
    try {
      const answer = await this.transport.runs(query, this.mark);
      if (isCurrent()) {
        if (answer) {
          this.mark = answer.mark;
          this.set({ table: answer.table, filterError: null, error: null });
        } else if (this._state.error !== null) {
          this.set({ error: null });
        }
      }
    } catch (reason) {
      if (isCurrent()) {
        this.fail(reason);
        if (!(reason instanceof ServerError && reason.status < 500)) {
          throw reason;
        }
      }
    }
    // The place or the filter changed meanwhile: the poll has dropped the wish to ask again, since it was asking.
    if (!isCurrent() && !this.isDisposed) {
      await this.ask();
    }
  }

  private fail(reason: unknown): void {
    this.mark = null;
    if (reason instanceof ServerError && reason.code === 'invalid_filter') {
      this.refused = true;
      this.set({ filterError: reason.message, error: null });
    } else {
      this.set({ error: reason instanceof Error ? reason.message : String(reason) });
    }
  }

  private set(change: Partial<RunWatchState>): void {
    this._state = { ...this._state, ...change };
    this._changed.emit(this._state);
  }
}
