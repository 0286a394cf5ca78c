import { ILayoutRestorer } from '@jupyterlab/application';
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { HttpTransport } from './api/transport';
import { runsIcon } from './panel/icon';
import { Place } from './panel/place';
import { RunWatch } from './panel/run_watch';
import { RunsPanel } from './panel/runs_panel';
import { IPlace } from './tokens';

const OPEN = 'nbtrack:open';

const place: JupyterFrontEndPlugin<IPlace> = {
  id: 'nbtrack:place',
  description: 'Tells which notebook, or else which folder, the person is working in.',
  autoStart: true,
  provides: IPlace,
  optional: [INotebookTracker, IDefaultFileBrowser],
  activate: (app: JupyterFrontEnd, notebooks: INotebookTracker | null, browser: IDefaultFileBrowser | null) =>
    new Place(app.serviceManager.contents, notebooks, browser)
};

const panel: JupyterFrontEndPlugin<void> = {
  id: 'nbtrack:panel',
  description: 'Shows the runs of the active notebook in the left sidebar.',
  autoStart: true,
  requires: [IPlace],
  optional: [ILayoutRestorer, ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    where: IPlace,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('nbtrack');
    const transport = new HttpTransport(app.serviceManager.serverSettings);
    const runs = new RunsPanel(new RunWatch(transport, where), trans);
    app.shell.add(runs, 'left', { rank: 600, type: 'nbtrack' });
    restorer?.add(runs, runs.id);
    app.commands.addCommand(OPEN, {
      label: trans.__('Open Runs'),
      caption: trans.__('Show what this notebook did'),
      icon: runsIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => { app.shell.activateById(runs.id); }
    });
    palette?.addItem({ command: OPEN, category: trans.__('nbtrack') });
  }
};

const plugins = [place, panel];
export default plugins;
