import type { RenderProps } from '@anywidget/types';
import { createRoot } from 'react-dom/client';
import type { RunTable as Table } from '../api/types';
import { RunTable } from '../components/RunTable';
import { plainText } from '../components/translate';
import '../../style/tokens.css';
import '../../style/run_table.css';

interface Model {
  table: Table;
}

function render({ model, el }: RenderProps<Model>): () => void {
  const root = createRoot(el);
  const draw = (): void => { root.render(<RunTable table={model.get('table')} trans={plainText} />); };
  model.on('change:table', draw);
  draw();
  return () => {
    model.off('change:table', draw);
    root.unmount();
  };
}

export default { render };
