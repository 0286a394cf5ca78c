// Finishes what `jupyter-builder build` leaves.
import { copyFileSync, rmSync } from 'node:fs';

const OUTPUT = '../src/nbtrack/labextension';

// Tells JupyterLab's extension manager which Python package this front end belongs to.
copyFileSync('install.json', `${OUTPUT}/install.json`);
// The builder's log names folders of the machine that built; nobody who installs needs it.
rmSync(`${OUTPUT}/build_log.json`, { force: true });
