import { ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import { Poll } from '@lumino/polling';
import type * as React from 'react';
import type { Client } from '../api/client';
import type { Transport } from '../api/transport';

const INTERVAL = 2_000;
const SLOWEST = 30_000;

/** What a page draws itself from: the way to its store, and a text that differs when that has changed. */
export interface PageState {
  readonly client: Client;
  readonly mark: string | null;
}

/** A page in JupyterLab's main area. It asks whether the store has changed, but only while somebody can see it. */
export class PageWidget extends ReactWidget {
  private readonly client: Client;
  private readonly poll: Poll;
  private mark: string | null = null;

  constructor(
    private readonly transport: Transport,
    /** The notebook or folder whose store is shown. */
    readonly path: string,
    private readonly draw: (state: PageState) => React.JSX.Element
  ) {
    super();
    this.addClass('nbt-page-widget');
    this.client = transport.at(path);
    this.poll = new Poll({
      name: 'nbtrack:page',
      auto: false,
      factory: () => this.look(),
      frequency: { interval: INTERVAL, backoff: true, max: SLOWEST },
      standby: () => !this.isVisible || document.hidden
    });
  }

  override dispose(): void {
    this.poll.dispose();
    super.dispose();
  }

  protected override render(): React.JSX.Element {
    return this.draw({ client: this.client, mark: this.mark });
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.refresh();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this.refresh();
  }

  private refresh(): void {
    if (!this.isDisposed) {
      // A server that does not answer is asked again later; the page itself says what it could not read.
      void this.poll.refresh().catch(() => undefined);
    }
  }

  private async look(): Promise<void> {
    const known = this.mark;
    this.mark = await this.transport.mark(this.path, known);
    if (known !== null && this.mark !== known && !this.isDisposed) {
      this.update();
    }
  }
}
