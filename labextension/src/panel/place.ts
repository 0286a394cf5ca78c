import type { FileBrowser } from '@jupyterlab/filebrowser';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';
import type { ISignal } from '@lumino/signaling';

/** Where the person is: the path of the notebook they look at, else of the folder in the file browser. */
export interface IPlace extends IDisposable {
  readonly path: string;
  readonly changed: ISignal<IPlace, string>;
}

/** Follows the active notebook, and the file browser's folder while there is none. Each may be absent. */
export class Place implements IPlace {
  private notebook: NotebookPanel | null = null;
  private readonly _changed = new Signal<this, string>(this);
  private _path = '';
  private _isDisposed = false;

  constructor(
    private readonly contents: Contents.IManager,
    private readonly tracker: INotebookTracker | null,
    private readonly browser: FileBrowser | null
  ) {
    tracker?.currentChanged.connect(this.onNotebookChanged);
    browser?.model.pathChanged.connect(this.update);
    this.onNotebookChanged();
  }

  get path(): string {
    return this._path;
  }

  get changed(): ISignal<this, string> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    this.tracker?.currentChanged.disconnect(this.onNotebookChanged);
    this.browser?.model.pathChanged.disconnect(this.update);
    this.notebook?.context.pathChanged.disconnect(this.update);
    Signal.clearData(this);
  }

  private readonly onNotebookChanged = (): void => {
    this.notebook?.context.pathChanged.disconnect(this.update);
    this.notebook = this.tracker?.currentWidget ?? null;
    this.notebook?.context.pathChanged.connect(this.update);
    this.update();
  };

  private readonly update = (): void => {
    const path = this.notebook?.context.path ?? this.browser?.model.path ?? '';
    // "RTC:folder/nb.ipynb" lies on the same disk as "folder/nb.ipynb".
    const local = this.contents.localPath(path);
    if (local !== this._path) {
      this._path = local;
      this._changed.emit(local);
    }
  };
}
