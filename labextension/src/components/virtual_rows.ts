import { Virtualizer, elementScroll, observeElementOffset, observeElementRect } from '@tanstack/virtual-core';
import { useLayoutEffect, useReducer, useState } from 'react';
import type { RefObject } from 'react';

/** The rows to draw, and the empty space before and after them in pixels. */
export interface VirtualRows {
  readonly indices: readonly number[];
  readonly before: number;
  readonly after: number;
}

/** Draw only the rows that the scrolling element shows, and a few around them: 10,000 cost as much as 40. */
export function useVirtualRows(scroller: RefObject<HTMLDivElement>, count: number, rowHeight: number): VirtualRows {
  const [, redraw] = useReducer((drawn: number) => drawn + 1, 0);
  const options = {
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 10,
    // Until the element has been measured: enough for a first paint without a gap.
    initialRect: { width: 600, height: 400 },
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: () => { redraw(); }
  };
  const [virtualizer] = useState(() => new Virtualizer<HTMLDivElement, HTMLElement>(options));
  virtualizer.setOptions(options);
  // The two lifecycle calls that every adapter of virtual-core makes.
  useLayoutEffect(() => virtualizer._didMount(), [virtualizer]);
  useLayoutEffect(() => { virtualizer._willUpdate(); });
  useLayoutEffect(() => { virtualizer.measure(); }, [virtualizer, rowHeight]);

  const items = virtualizer.getVirtualItems();
  return {
    indices: items.map(item => item.index),
    before: items[0]?.start ?? 0,
    after: virtualizer.getTotalSize() - (items[items.length - 1]?.end ?? 0)
  };
}
