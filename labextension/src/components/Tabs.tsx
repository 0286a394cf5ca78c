import type * as React from 'react';
import { useId, useState } from 'react';

export interface Tab {
  readonly key: string;
  readonly label: string;
  readonly count?: number;
  readonly draw: () => React.JSX.Element;
}

/** Parts of a page of which one is shown; arrow keys walk between them, as in every list of tabs. */
export function Tabs(props: { tabs: readonly Tab[]; label: string }): React.JSX.Element {
  const { tabs, label } = props;
  const [chosen, setChosen] = useState(tabs[0]?.key);
  const id = useId();
  const current = tabs.find(tab => tab.key === chosen) ?? tabs[0];
  const walk = (event: React.KeyboardEvent<HTMLDivElement>): void => {
    const at = tabs.findIndex(tab => tab.key === current?.key);
    const places: Record<string, number> = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 };
    const next = tabs[((places[event.key] ?? NaN) + tabs.length) % tabs.length];
    if (next) {
      event.preventDefault();
      setChosen(next.key);
      event.currentTarget.querySelector<HTMLElement>(`[data-tab="${next.key}"]`)?.focus();
    }
  };
  return (
    <>
      <div className="nbt-tabs" role="tablist" aria-label={label} onKeyDown={walk}>
        {tabs.map(tab => (
          <button
            key={tab.key}
            type="button"
            role="tab"
            id={`${id}-${tab.key}`}
            data-tab={tab.key}
            className="nbt-tab"
            aria-selected={tab.key === current?.key}
            aria-controls={`${id}-panel`}
            tabIndex={tab.key === current?.key ? 0 : -1}
            onClick={() => { setChosen(tab.key); }}
          >
            {tab.label}
            {tab.count !== undefined && tab.count > 0 && <span className="nbt-tab-count">{tab.count}</span>}
          </button>
        ))}
      </div>
      <div className="nbt-tab-panel" role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${current?.key ?? ''}`} tabIndex={0}>
        {current?.draw()}
      </div>
    </>
  );
}
