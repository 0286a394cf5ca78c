import { ILayoutRestorer } from '@jupyterlab/application';
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, WidgetTracker } from '@jupyterlab/apputils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { HttpTransport } from './api/transport';
import { runsIcon } from './panel/icon';
import type { Page, PageArguments } from './panel/pages';
import { Place } from './panel/place';
import { RunWatch } from './panel/run_watch';
import { RunsPanel } from './panel/runs_panel';
import { IPlace } from './tokens';

const OPEN = 'nbtrack:open';
const SHOW = 'nbtrack:show-runs';

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
    const show = (given: PageArguments): void => { void app.commands.execute(SHOW, { ...given }); };
    const runs = new RunsPanel(new RunWatch(transport, where), trans, (chosen, label) => {
      show({ path: where.path, runs: chosen.map(run => run.id), label });
    });
    const pages = new WidgetTracker<Page>({ namespace: 'nbtrack-pages' });
    const given = new Map<string, PageArguments>();
    app.commands.addCommand(SHOW, {
      label: trans.__('Show Run'),
      caption: trans.__('Show all that is known of a run, or compare several'),
      icon: runsIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            path: { type: 'string', description: trans.__('The notebook or folder whose store has the runs') },
            runs: { type: 'array', items: { type: 'string' }, description: trans.__('Ids of runs') },
            label: { type: 'string', description: trans.__('What the tab is called') }
          }
        }
      },
      execute: async args => {
        // Pages and charts are loaded with the first page that is opened.
        const { idOf, makePage } = await import('./panel/pages');
        const wanted = args as unknown as PageArguments;
        const id = idOf(wanted);
        let page = pages.find(open => open.id === id);
        if (!page) {
          page = makePage(transport, wanted, trans, show);
          given.set(id, wanted);
          page.disposed.connect(() => { given.delete(id); });
          await pages.add(page);
          app.shell.add(page, 'main', { type: 'nbtrack' });
        }
        app.shell.activateById(id);
      }
    });
    // Tables in notebooks know nothing of JupyterLab: they see that somebody listens, and tell what was chosen.
    document.documentElement.dataset['nbtrack'] = '';
    document.addEventListener('nbtrack-open', event => {
      const detail: unknown = event instanceof CustomEvent ? event.detail : null;
      const { run, label } = (detail ?? {}) as { run?: unknown; label?: unknown };
      if (typeof run === 'string' && typeof label === 'string') {
        show({ path: where.path, runs: [run], label });
      }
    });
    void restorer?.restore(pages, {
      command: SHOW,
      args: page => ({ ...given.get(page.id) }),
      name: page => page.id
    });
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
