import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, SidePanel, ToolbarButton, UseSignal, refreshIcon } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import { Panel, Widget } from '@lumino/widgets';
import type * as React from 'react';
import type { RunRow } from '../api/types';
import { ChosenRuns } from '../components/ChosenRuns';
import { FilterInput } from '../components/FilterInput';
import { RunTable } from '../components/RunTable';
import { runsIcon } from './icon';
import type { RunWatch } from './run_watch';

/** Show the page of a run, or of the comparison of several. */
export type ShowRuns = (runs: readonly RunRow[], label: string) => void;

/** The table of runs and its filter, drawn with the React that JupyterLab shares: no second renderer in the page. */
class RunsView extends ReactWidget {
  constructor(
    private readonly watch: RunWatch,
    private readonly trans: TranslationBundle,
    private readonly onShow: ShowRuns
  ) {
    super();
    this.addClass('nbt-panel-view');
  }

  protected override render(): React.JSX.Element {
    const { watch, trans, onShow } = this;
    return (
      <UseSignal signal={watch.changed} initialSender={watch}>
        {() => {
          const { table, filter, filterError, error } = watch.state;
          return (
            <>
              <FilterInput error={filterError} trans={trans} onFilter={text => { watch.setFilter(text); }} />
              <RunTable
                table={table}
                error={error}
                filtered={filter !== ''}
                fill
                trans={trans}
                onRetry={() => { watch.refresh(); }}
                onOpen={run => { onShow([run], run.name); }}
                tools={(chosen, columns, clear) => (
                  <ChosenRuns
                    runs={chosen}
                    columns={columns}
                    client={watch.client}
                    trans={trans}
                    onClear={clear}
                    onCompare={runs => { onShow(runs, trans.__('Compare %1 runs', runs.length)); }}
                    onChanged={() => { watch.refresh(); }}
                  />
                )}
              />
            </>
          );
        }}
      </UseSignal>
    );
  }
}

/** The sidebar panel: a native JupyterLab toolbar over the table of runs. Owns its watch. */
export class RunsPanel extends SidePanel {
  constructor(
    private readonly watch: RunWatch,
    trans: TranslationBundle,
    show: ShowRuns
  ) {
    super({ content: new Panel() });
    this.id = 'nbtrack-runs';
    this.addClass('nbt-panel');
    this.title.icon = runsIcon;
    this.title.caption = trans.__('nbtrack: what this notebook did');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('nbtrack'));
    const heading = new Widget();
    heading.addClass('nbt-panel-heading');
    heading.node.textContent = trans.__('Runs');
    this.toolbar.addItem('heading', heading);
    this.toolbar.addItem(
      'refresh',
      new ToolbarButton({
        icon: refreshIcon,
        tooltip: trans.__('Refresh the runs'),
        onClick: () => { watch.refresh(); }
      })
    );
    this.content.addWidget(new RunsView(watch, trans, show));
  }

  override dispose(): void {
    this.watch.dispose();
    super.dispose();
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.watch.setVisible(true);
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this.watch.setVisible(this.isVisible);
  }

  protected override onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this.watch.setVisible(false);
  }

  protected override onBeforeDetach(message: Message): void {
    this.watch.setVisible(false);
    super.onBeforeDetach(message);
  }
}
