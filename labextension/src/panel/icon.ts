import { LabIcon } from '@jupyterlab/ui-components';

/** Three tracks of which one leads: the mark of nbtrack in JupyterLab's own icon colours. */
export const runsIcon = new LabIcon({
  name: 'nbtrack:runs',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <g class="jp-icon3" fill="#616161">
    <rect x="3" y="5" width="9" height="2.4" rx="1.2"/><circle cx="15.6" cy="6.2" r="2.2"/>
    <rect x="3" y="10.8" width="12.4" height="2.4" rx="1.2"/><circle cx="19" cy="12" r="2.2"/>
    <rect x="3" y="16.6" width="5.4" height="2.4" rx="1.2"/><circle cx="12" cy="17.8" r="2.2"/>
  </g>
</svg>`
});
