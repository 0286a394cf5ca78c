// Bundles the anywidget entries into the Python package: one ES module and one style sheet each.
//
// A widget's module is saved in the notebook once per widget, so its size matters: `react` means preact here (19 kB
// instead of 143). The JupyterLab panel uses the same components with the React that JupyterLab shares.
import { build } from 'esbuild';

await build({
  entryPoints: ['src/widgets/run_table.tsx'],
  outdir: '../src/nbtrack/widgets/static',
  bundle: true,
  format: 'esm',
  target: 'es2020',
  minify: true,
  legalComments: 'none',
  jsx: 'automatic',
  define: { 'process.env.NODE_ENV': '"production"' },
  alias: {
    'react': 'preact/compat',
    'react-dom': 'preact/compat',
    'react-dom/client': 'preact/compat/client',
    'react/jsx-runtime': 'preact/jsx-runtime'
  },
  logLevel: 'warning'
});
