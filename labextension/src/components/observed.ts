import { useEffect, useLayoutEffect, useState } from 'react';
import type { RefObject } from 'react';

/** The width of an element in pixels, kept current; null before it is laid out. */
export function useWidth(element: RefObject<HTMLElement>): number | null {
  const [width, setWidth] = useState<number | null>(null);
  useLayoutEffect(() => {
    const observed = element.current;
    if (!observed) {
      return;
    }
    const measure = (): void => {
      // A hidden panel has no width: keep the last form rather than flicker through the narrow one.
      if (observed.clientWidth > 0) {
        setWidth(observed.clientWidth);
      }
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(observed);
    return () => { observer.disconnect(); };
  }, [element]);
  return width;
}

/** The current time in milliseconds, renewed now and then, so that "2 min ago" does not grow stale. */
export function useNow(everyMilliseconds: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => { setNow(Date.now()); }, everyMilliseconds);
    return () => { clearInterval(timer); };
  }, [everyMilliseconds]);
  return now;
}
