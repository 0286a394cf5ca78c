import { MainAreaWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Transport } from '../api/transport';
import { ComparePage } from '../components/ComparePage';
import { RunPage } from '../components/RunPage';
import { runsIcon } from './icon';
import { PageWidget } from './page_widget';

/** What a page is of; also what its command takes, so that the layout can be restored. */
export interface PageArguments {
  readonly path: string;
  /** Ids: names may change. */
  readonly runs: readonly string[];
  readonly label: string;
}

export type Page = MainAreaWidget<PageWidget>;

/** The same for the same runs of the same place: a run that is asked for again shows its page instead of a second one. */
export const idOf = ({ path, runs }: PageArguments): string => `nbtrack-page-${encodeURIComponent(path)}-${runs.join('-')}`;

/** The page of a run, or of the comparison of several. */
export function makePage(
  transport: Transport,
  given: PageArguments,
  trans: TranslationBundle,
  onOpen: (given: PageArguments) => void
): Page {
  const { path, runs, label } = given;
  const content = new PageWidget(transport, path, ({ client, mark }) =>
    runs.length === 1 ? (
      <RunPage client={client} run={runs[0] ?? ''} mark={mark} trans={trans} />
    ) : (
      <ComparePage
        client={client}
        runs={runs}
        mark={mark}
        trans={trans}
        onOpen={run => { onOpen({ path, runs: [run.id], label: run.name }); }}
      />
    )
  );
  const page = new MainAreaWidget({ content });
  page.id = idOf(given);
  page.title.label = label;
  page.title.caption = runs.length === 1 ? trans.__('Run %1', label) : label;
  page.title.icon = runsIcon;
  page.title.closable = true;
  return page;
}
