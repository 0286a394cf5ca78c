import type { RenderProps } from '@anywidget/types';
import { createRoot } from 'react-dom/client';
import type { RunRow, RunTable as Table } from '../api/types';
import { RunTable } from '../components/RunTable';
import { plainText } from '../components/translate';
import '../../style/tokens.css';
import '../../style/run_table.css';

interface Model {
  table: Table;
}

/** Where nbtrack's JupyterLab extension listens, a run of the table has a page. */
function opener(el: HTMLElement): ((run: RunRow) => void) | undefined {
  if (document.documentElement.dataset['nbtrack'] === undefined) {
    return undefined;
  }
  return run => {
    el.dispatchEvent(new CustomEvent('nbtrack-open', { bubbles: true, composed: true, detail: { run: run.id, label: run.name } }));
  };
}

function render({ model, el }: RenderProps<Model>): () => void {
  const root = createRoot(el);
  const draw = (): void => { root.render(<RunTable table={model.get('table')} trans={plainText} onOpen={opener(el)} />); };
  model.on('change:table', draw);
  draw();
  return () => {
    model.off('change:table', draw);
    root.unmount();
  };
}

export default { render };
