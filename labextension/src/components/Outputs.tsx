import type * as React from 'react';
import type { Trans } from './translate';

/** Nothing of a page of an output may run, be loaded from elsewhere or reach JupyterLab: it stands in a sandbox without rights. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
const PICTURES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];

type Output = Record<string, unknown>;

const joined = (value: unknown): string => (Array.isArray(value) ? value.join('') : typeof value === 'string' ? value : JSON.stringify(value, null, 2));

// eslint-disable-next-line no-control-regex -- the escapes of a terminal begin with one
const ESCAPES = /\u001b\[[0-9;]*[A-Za-z]/g;

/** A text as a terminal wrote it, without its colours. */
export const plain = (text: string): string => text.replace(ESCAPES, '');

/** About as high as the page is: nobody may look into its frame to measure it. */
function heightOf(html: string): number {
  const content = html.replace(/<style[\s\S]*?<\/style>/gi, '');
  const rows = content.match(/<tr\b/gi)?.length ?? 0;
  const lines = rows > 0 ? 0 : (content.match(/<(?:p|div|li|br|h\d)\b/gi)?.length ?? 0);
  return Math.max(44, Math.min(360, 22 + 24 * rows + 22 * lines + (rows > 0 && /<\/table>\s*<p>/i.test(content) ? 34 : 0)));
}

/** A page of an output with the colours of the one around it. */
function Framed(props: { html: string; trans: Trans }): React.JSX.Element {
  const { html, trans } = props;
  const style =
    'body{font:13px system-ui,sans-serif;margin:4px;color:#1f2328;background:#fff}table{border-collapse:collapse;font-size:12px}' +
    'table,td,th{border:none!important}td,th{padding:3px 8px;text-align:right}tbody tr:nth-child(odd){background:#f5f5f5}thead{border-bottom:1px solid #bbb}';
  const page = `<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}"><style>${style}</style>${html}`;
  return <iframe className="nbt-output-frame" sandbox="" srcDoc={page} title={trans.__('Output')} style={{ height: heightOf(html) }} />;
}

function Shown(props: { data: Record<string, unknown>; trans: Trans }): React.JSX.Element {
  const { data, trans } = props;
  const text = data['text/plain'] === undefined ? '' : plain(joined(data['text/plain']));
  const picture = PICTURES.find(kind => typeof data[kind] === 'string' || Array.isArray(data[kind]));
  if (picture) {
    const content = joined(data[picture]).replace(/[^A-Za-z0-9+/=]/g, '');
    return <img className="nbt-output-image" alt={text || trans.__('Picture')} src={`data:${picture};base64,${content}`} />;
  }
  if (data['image/svg+xml'] !== undefined) {
    // As an image an SVG runs no script and loads nothing.
    const content = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(joined(data['image/svg+xml']))}`;
    return <img className="nbt-output-image" alt={text || trans.__('Picture')} src={content} />;
  }
  if (data['text/html'] !== undefined) {
    return <Framed html={joined(data['text/html'])} trans={trans} />;
  }
  return <pre className="nbt-output-text" tabIndex={0}>{text || trans.__('An output of the type %1', Object.keys(data).join(', '))}</pre>;
}

/** What a cell showed, as nbformat 4 has it. */
export function Outputs(props: { outputs: readonly Output[]; trans: Trans }): React.JSX.Element {
  const { outputs, trans } = props;
  return (
    <div className="nbt-outputs">
      {outputs.map((output, index) => {
        if (output['output_type'] === 'stream') {
          const kind = output['name'] === 'stderr' ? ' nbt-output-error' : '';
          return <pre key={index} className={`nbt-output-text${kind}`} tabIndex={0}>{plain(joined(output['text']))}</pre>;
        }
        if (output['output_type'] === 'error') {
          return <pre key={index} className="nbt-output-text nbt-output-error" tabIndex={0}>{plain(joined(output['traceback']).trim() || joined(output['evalue']))}</pre>;
        }
        return <Shown key={index} data={(output['data'] ?? {}) as Record<string, unknown>} trans={trans} />;
      })}
    </div>
  );
}
