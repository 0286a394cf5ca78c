"""The style of static HTML: one small sheet that goes with each piece and fits light and dark pages.

Colours are the page's own text colour, thinned; green and red are middle tones that both can carry. Where a
front end strips the sheet (an untrusted notebook, GitHub) tables stay tables, and words carry the meaning.
The class is named twice where JupyterLab's own rules for tables and code would win over one.
"""

from __future__ import annotations

GOOD, BAD = "#2a9d5c", "#d1495b"

_RULE = "rgba(128,128,128,.28)"

STYLE = f"""<style>
.nbtrack{{font-size:13px;line-height:1.45;color:inherit;overflow-x:auto;max-width:100%}}
.nbtrack.nbtrack table{{border-collapse:collapse;border:0;margin:2px 0 4px;font-size:inherit;color:inherit}}
.nbtrack.nbtrack table th,.nbtrack.nbtrack table td{{padding:2px 10px 2px 0;border:0;text-align:left;vertical-align:top;
background:none;white-space:nowrap;color:inherit;max-width:28em;overflow:hidden;text-overflow:ellipsis}}
.nbtrack.nbtrack table tr{{background:none!important}}
.nbtrack.nbtrack table thead th{{font-weight:600;border-bottom:1px solid {_RULE};vertical-align:bottom}}
.nbtrack.nbtrack table tbody tr+tr td,.nbtrack.nbtrack table tbody tr+tr th{{border-top:1px solid rgba(128,128,128,.13)}}
.nbtrack.nbtrack table tbody th{{font-weight:400}}
.nbtrack.nbtrack table .nbtrack-r{{text-align:right;font-variant-numeric:tabular-nums}}
.nbtrack.nbtrack table th.nbtrack-h{{font-weight:600;padding-top:8px;border-top:0!important}}
.nbtrack.nbtrack table th.nbtrack-k{{opacity:.7;font-weight:400;white-space:normal;overflow-wrap:anywhere;min-width:7em;
max-width:36em}}
.nbtrack.nbtrack table tbody th.nbtrack-n{{white-space:normal;overflow-wrap:anywhere;min-width:9em}}
.nbtrack.nbtrack table td.nbtrack-w{{white-space:normal;overflow-wrap:anywhere;min-width:9em;max-width:60em}}
.nbtrack .nbtrack-q{{opacity:.72;overflow-wrap:anywhere;margin:2px 0}}
.nbtrack .nbtrack-h{{font-weight:600;margin:8px 0 1px;overflow-wrap:anywhere}}
.nbtrack .nbtrack-h:first-of-type{{margin-top:0}}
.nbtrack .nbtrack-g{{color:{GOOD}}}
.nbtrack .nbtrack-b{{color:{BAD};overflow-wrap:anywhere}}
.nbtrack .nbtrack-i{{padding-left:1.8em}}
.nbtrack pre+.nbtrack-i{{margin:-3px 0 6px}}
.nbtrack.nbtrack pre{{font-family:var(--jp-code-font-family,ui-monospace,Menlo,Consolas,monospace);
font-size:12px;line-height:1.4;margin:2px 0 6px;padding:3px 0;background:rgba(128,128,128,.07);color:inherit;
border:0;border-left:2px solid {_RULE};overflow-x:auto;white-space:pre}}
.nbtrack.nbtrack pre span{{display:block;padding:0 8px;min-width:max-content}}
.nbtrack.nbtrack pre span span{{display:inline;padding:0;border-radius:2px}}
.nbtrack.nbtrack pre .nbtrack-p{{background:rgba(46,160,67,.16)}}
.nbtrack.nbtrack pre .nbtrack-p span{{background:rgba(46,160,67,.38)}}
.nbtrack.nbtrack pre .nbtrack-m{{background:rgba(248,81,73,.15)}}
.nbtrack.nbtrack pre .nbtrack-m span{{background:rgba(248,81,73,.36)}}
.nbtrack.nbtrack pre .nbtrack-s{{opacity:.6}}
.nbtrack p,.nbtrack ul{{margin:2px 0 5px}}
.nbtrack details{{margin:2px 0}}
.nbtrack summary{{cursor:pointer}}
</style>"""
