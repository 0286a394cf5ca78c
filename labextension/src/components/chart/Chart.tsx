import type * as React from 'react';
import { useId, useMemo, useRef, useState } from 'react';
import { fullValue, shortNumber } from '../format';
import { useWidth } from '../observed';
import type { Trans } from '../translate';
import { nearest, pathOf, smoothed } from './lines';
import type { Line } from './lines';
import { savePng, saveSvg, standalone } from './save';
import { makeScale, rangeOf } from './scale';
import type { Scale, ScaleKind } from './scale';

const HEIGHT = 220;
const TOP = 8;
const BOTTOM = 24;
const RIGHT = 12;
/** Pixels of a drag that are a wish to zoom and no click. */
const DRAG = 6;

export interface ChartProps {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly xKind: Exclude<ScaleKind, 'log'>;
  readonly log: boolean;
  /** From 0 (none) to below 1. */
  readonly smoothing: number;
  readonly hidden: ReadonlySet<string>;
  readonly note?: string;
  readonly trans: Trans;
}

interface Axes {
  readonly x: Scale;
  readonly y: Scale;
  readonly left: number;
}

function axesOf(props: ChartProps, shown: readonly Line[], zoom: readonly [number, number] | null, width: number): Axes | null {
  const whole = rangeOf(shown.flatMap(line => line.x as number[]), false, 0.01);
  const [low, high] = zoom ?? whole ?? [0, 1];
  const values = function* (): Generator<number> {
    for (const line of shown) {
      for (let index = 0; index < line.x.length; index += 1) {
        const x = line.x[index] ?? NaN;
        if (x >= low && x <= high) {
          yield line.y[index] ?? NaN;
        }
      }
    }
  };
  const range = rangeOf(values(), props.log, 0.06);
  if (!range || width < 80) {
    return null;
  }
  const bottom = HEIGHT - BOTTOM;
  const y = makeScale(props.log ? 'log' : 'linear', range[0], range[1], bottom, TOP, 5);
  const left = 14 + 6.4 * Math.max(2, ...y.ticks.map(tick => y.label(tick).length));
  const x = makeScale(props.xKind, low, high, left, width - RIGHT, Math.max(2, Math.floor((width - left) / 90)));
  return { x, y, left };
}

/** The values under the pointer, in words. */
function Hover(props: { lines: readonly Line[]; wanted: number; axes: Axes; width: number }): React.JSX.Element {
  const { lines, wanted, axes, width } = props;
  const found = lines.map(line => ({ line, index: nearest(line.x, wanted) })).filter(({ index }) => index >= 0);
  const first = found[0];
  const place = axes.x.at(first ? (first.line.x[first.index] ?? wanted) : wanted);
  const side = place > width / 2 ? { right: width - place + 10 } : { left: place + 10 };
  return (
    <div className="nbt-chart-tip" role="status" style={side}>
      <div className="nbt-chart-tip-x">{axes.x.label(first ? (first.line.x[first.index] ?? wanted) : wanted)}</div>
      {found.slice(0, 12).map(({ line, index }) => (
        <div key={line.key} className="nbt-chart-tip-row">
          <span className="nbt-swatch" data-color={line.color} aria-hidden="true" />
          <span className="nbt-chart-tip-name">{line.label}</span>
          <span className="nbt-chart-tip-value" title={fullValue(line.y[index])}>{shortNumber(line.y[index] ?? NaN)}</span>
        </div>
      ))}
      {found.length > 12 && <div className="nbt-dim">+{found.length - 12}</div>}
    </div>
  );
}

function Curve(props: { line: Line; axes: Axes; smoothing: number }): React.JSX.Element {
  const { line, axes, smoothing } = props;
  const at = (values: readonly number[]): string => pathOf(line.x, values, axes.x, axes.y);
  const raw = at(line.y);
  const single = line.x.length === 1;
  return (
    <g data-color={line.color} className="nbt-curve">
      {single ? (
        <circle cx={axes.x.at(line.x[0] ?? 0)} cy={axes.y.at(line.y[0] ?? 0)} r="3.5" />
      ) : (
        <path d={raw} className={smoothing > 0 ? 'nbt-curve-raw' : undefined} />
      )}
      {smoothing > 0 && !single && <path d={at(smoothed(line.y, smoothing))} />}
    </g>
  );
}

/** What a screen reader says of a chart. */
function spoken(title: string, lines: readonly Line[], trans: Trans): string {
  const each = lines.slice(0, 10).map(line => {
    const finite = line.y.filter(Number.isFinite);
    const last = finite[finite.length - 1];
    return last === undefined ? line.label : trans.__('%1 from %2 to %3', line.label, shortNumber(finite[0] ?? NaN), shortNumber(last));
  });
  return `${title}: ${each.join(', ')}`;
}

/** Curves over steps or time: hover or arrow keys read values, a drag zooms, Escape or a double click shows all again. */
export function Chart(props: ChartProps): React.JSX.Element {
  const { title, lines, smoothing, hidden, note, trans } = props;
  const root = useRef<HTMLDivElement>(null);
  const svg = useRef<SVGSVGElement>(null);
  const width = useWidth(root) ?? 0;
  const clip = useId().replace(/:/g, '');
  const [zoom, setZoom] = useState<readonly [number, number] | null>(null);
  const [hover, setHover] = useState<number | null>(null);
  const [drag, setDrag] = useState<readonly [number, number] | null>(null);
  const shown = useMemo(() => lines.filter(line => !hidden.has(line.key)), [lines, hidden]);
  const axes = useMemo(
    () => axesOf(props, shown, zoom, width),
    // The axes depend on these properties alone.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [shown, zoom, width, props.log, props.xKind]
  );

  const placeOf = (event: React.PointerEvent): number => event.clientX - (svg.current?.getBoundingClientRect().left ?? 0);
  const release = (): void => {
    if (drag && axes && Math.abs(drag[1] - drag[0]) > DRAG) {
      const [from, to] = drag.map(place => axes.x.valueAt(place)).sort((a, b) => a - b);
      setZoom([from ?? 0, to ?? 1]);
    }
    setDrag(null);
  };
  const walk = (by: number): void => {
    const x = shown[0]?.x ?? [];
    const index = hover === null ? (by > 0 ? -1 : x.length) : nearest(x, hover);
    const next = x[Math.max(0, Math.min(x.length - 1, index + by))];
    if (next !== undefined) {
      setHover(next);
    }
  };
  const save = (write: (picture: string, title: string) => void): void => {
    if (svg.current) {
      const colors = [...svg.current.querySelectorAll('.nbt-curve')].map(curve => getComputedStyle(curve).color);
      const legend = shown.map((line, index) => ({ label: line.label, color: colors[index] ?? '#888' }));
      write(standalone(svg.current, title, legend), title);
    }
  };

  return (
    <figure className="nbt-chart" ref={root}>
      <figcaption className="nbt-chart-head">
        <span className="nbt-chart-title" title={title}>{title}</span>
        {note && <span className="nbt-dim nbt-chart-note">{note}</span>}
        <span className="nbt-chart-tools">
          {zoom && <button type="button" className="nbt-button nbt-button-quiet" onClick={() => { setZoom(null); }}>{trans.__('Show all')}</button>}
          <button type="button" className="nbt-button nbt-button-quiet" aria-label={trans.__('Save %1 as SVG', title)} onClick={() => { save(saveSvg); }}>SVG</button>
          <button type="button" className="nbt-button nbt-button-quiet" aria-label={trans.__('Save %1 as PNG', title)} onClick={() => { save(savePng); }}>PNG</button>
        </span>
      </figcaption>
      {!axes ? (
        <div className="nbt-chart-empty">{width < 80 ? '' : trans.__('Nothing to draw')}</div>
      ) : (
        <div
          className="nbt-chart-plot"
          tabIndex={0}
          role="group"
          aria-label={trans.__('Chart of %1; arrow keys read values', title)}
          onKeyDown={event => {
            if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') {
              event.preventDefault();
              walk((event.key === 'ArrowLeft' ? -1 : 1) * (event.shiftKey ? 10 : 1));
            } else if (event.key === 'Escape') {
              setHover(null);
              setZoom(null);
            }
          }}
          onBlur={() => { setHover(null); }}
        >
          <svg
            ref={svg}
            width={width}
            height={HEIGHT}
            role="img"
            aria-label={spoken(title, shown, trans)}
            onPointerDown={event => {
              if (event.button === 0) {
                event.currentTarget.setPointerCapture(event.pointerId);
                setDrag([placeOf(event), placeOf(event)]);
              }
            }}
            onPointerMove={event => {
              const place = placeOf(event);
              setHover(place >= axes.left && place <= width - RIGHT ? axes.x.valueAt(place) : null);
              setDrag(current => (current ? [current[0], place] : null));
            }}
            onPointerUp={release}
            onPointerLeave={() => { setHover(null); }}
            onDoubleClick={() => { setZoom(null); }}
          >
            <defs>
              <clipPath id={clip}>
                <rect x={axes.left} y={0} width={Math.max(0, width - RIGHT - axes.left + 2)} height={HEIGHT - BOTTOM + 2} />
              </clipPath>
            </defs>
            {axes.y.ticks.map(tick => (
              <g key={tick}>
                <line className="nbt-grid" x1={axes.left} x2={width - RIGHT} y1={axes.y.at(tick)} y2={axes.y.at(tick)} />
                <text className="nbt-tick" x={axes.left - 7} y={axes.y.at(tick) + 3.5} textAnchor="end">{axes.y.label(tick)}</text>
              </g>
            ))}
            <line className="nbt-axis" x1={axes.left} x2={width - RIGHT} y1={HEIGHT - BOTTOM} y2={HEIGHT - BOTTOM} />
            {axes.x.ticks.map(tick => (
              <text key={tick} className="nbt-tick" x={axes.x.at(tick)} y={HEIGHT - 8} textAnchor="middle">{axes.x.label(tick)}</text>
            ))}
            <g clipPath={`url(#${clip})`}>
              {shown.map(line => <Curve key={line.key} line={line} axes={axes} smoothing={smoothing} />)}
            </g>
            {hover !== null && (
              <g data-hover="">
                <line className="nbt-cursor" x1={axes.x.at(hover)} x2={axes.x.at(hover)} y1={TOP} y2={HEIGHT - BOTTOM} />
              </g>
            )}
            {drag && Math.abs(drag[1] - drag[0]) > DRAG && (
              <rect className="nbt-zoom" data-hover="" x={Math.min(...drag)} y={TOP} width={Math.abs(drag[1] - drag[0])} height={HEIGHT - BOTTOM - TOP} />
            )}
          </svg>
          {hover !== null && !drag && <Hover lines={shown} wanted={hover} axes={axes} width={width} />}
        </div>
      )}
    </figure>
  );
}
