import type * as React from 'react';
import type { Trans } from './translate';

/** What an empty table says: how a first run is made. */
export function EmptyMessage(props: { trans: Trans }): React.JSX.Element {
  const { trans } = props;
  return (
    <div className="nbt-message">
      <p className="nbt-message-title">{trans.__('No runs yet')}</p>
      <p>{trans.__('After %load_ext nbtrack, put this line at the top of a cell and run it:')}</p>
      <pre className="nbt-message-code">%%track NAME</pre>
      <p>{trans.__('The cell becomes a run: its parameters, metrics and models appear here.')}</p>
    </div>
  );
}

/** What a search without a match says. */
export function NoMatchMessage(props: { trans: Trans }): React.JSX.Element {
  return (
    <div className="nbt-message">
      <p className="nbt-message-title">{props.trans.__('No run matches')}</p>
      <p>{props.trans.__('Change or clear the filter to see more.')}</p>
    </div>
  );
}

/** A table that is on its way. */
export function LoadingMessage(props: { trans: Trans }): React.JSX.Element {
  return (
    <div className="nbt-message nbt-message-loading" role="status">
      {props.trans.__('Reading runs…')}
    </div>
  );
}

/** A table that could not be had, with the reason and, where it makes sense, another try. */
export function ErrorMessage(props: { message: string; onRetry?: () => void; trans: Trans }): React.JSX.Element {
  const { message, onRetry, trans } = props;
  return (
    <div className="nbt-message" role="alert">
      <p className="nbt-message-title">{trans.__('The runs cannot be shown')}</p>
      <p>{message}</p>
      {onRetry && (
        <button type="button" className="nbt-button" onClick={onRetry}>
          {trans.__('Try again')}
        </button>
      )}
    </div>
  );
}
