import type { RunRow } from '../api/types';
import type { ValueColumn } from './columns';

/** Ways to write a table down. */
export type Form = 'markdown' | 'csv' | 'latex';

const LATEX: Readonly<Record<string, string>> = {
  '\\': '\\textbackslash{}',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
  '<': '\\textless{}',
  '>': '\\textgreater{}',
  '|': '\\textbar{}'
};

const escapes: Readonly<Record<Form, (text: string) => string>> = {
  // A line break would end the row, and a pipe the cell; "<" would begin HTML in many readers.
  markdown: text => text.replace(/\s+/g, ' ').replace(/[\\|<`*_[\]]/g, '\\$&'),
  csv: text => (/[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text),
  latex: text => text.replace(/\s+/g, ' ').replace(/[\\~^<>|&%$#_{}]/g, sign => LATEX[sign] ?? `\\${sign}`)
};

/** Runs with the values of some columns as text: CSV has values in full, the others as the table shows them. */
export function asText(form: Form, runs: readonly RunRow[], columns: readonly ValueColumn[]): string {
  const write = escapes[form];
  const head = ['run', 'status', ...columns.map(column => column.name)].map(write);
  const rows = runs.map(run =>
    [run.name, run.status, ...columns.map(column => (form === 'csv' ? column.title(run) : column.text(run)))].map(write)
  );
  const ends = columns.map(column => column.numeric);
  switch (form) {
    case 'csv':
      return [head, ...rows].map(row => row.join(',')).join('\n') + '\n';
    case 'markdown': {
      const line = ['---', '---', ...ends.map(end => (end ? '---:' : '---'))];
      return [head, line, ...rows].map(row => `| ${row.join(' | ')} |`).join('\n') + '\n';
    }
    case 'latex': {
      const places = `ll${ends.map(end => (end ? 'r' : 'l')).join('')}`;
      const body = rows.map(row => `${row.join(' & ')} \\\\`).join('\n');
      return `\\begin{tabular}{${places}}\n\\hline\n${head.join(' & ')} \\\\\n\\hline\n${body}\n\\hline\n\\end{tabular}\n`;
    }
  }
}

/** Put a text on the clipboard. */
export async function toClipboard(text: string): Promise<void> {
  // Absent on a page without HTTPS, whatever its type says.
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (!clipboard) {
    throw new Error('The browser lets a page copy only over HTTPS or on this machine.');
  }
  await clipboard.writeText(text);
}
