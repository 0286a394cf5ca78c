import type * as React from 'react';
import { useEffect, useId, useState } from 'react';
import type { Trans } from './translate';

const PAUSE = 300;

/** A filter that is sent when the typing pauses, with the server's word on it in place. */
export function FilterInput(props: {
  error: string | null;
  trans: Trans;
  onFilter: (text: string) => void;
}): React.JSX.Element {
  const { error, trans, onFilter } = props;
  const [text, setText] = useState('');
  const errorId = useId();

  useEffect(() => {
    const timer = setTimeout(() => { onFilter(text.trim()); }, PAUSE);
    return () => { clearTimeout(timer); };
    // The callback is new at each drawing; only new text is a reason to send.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [text]);

  return (
    <div className="nbt-root nbt-filter">
      <input
        type="search"
        className="nbt-filter-input"
        value={text}
        placeholder={trans.__('Filter, e.g. accuracy > 0.9')}
        aria-label={trans.__('Filter runs')}
        aria-invalid={error !== null}
        aria-describedby={error !== null ? errorId : undefined}
        spellCheck={false}
        autoComplete="off"
        onChange={event => { setText(event.currentTarget.value); }}
        onKeyDown={event => {
          if (event.key === 'Enter') {
            onFilter(text.trim());
          }
        }}
      />
      {error !== null && <p className="nbt-filter-error" id={errorId} role="alert">{error}</p>}
    </div>
  );
}
