import type * as React from 'react';
import type { CSSProperties } from 'react';

/** The name of a run. Where it does not fit its number stays, since that tells runs of one name apart. */
export function RunName({ name }: { name: string }): React.JSX.Element {
  const number = /-\d+$/.exec(name)?.[0];
  if (number === undefined) {
    return <>{name}</>;
  }
  const style = { '--nbt-number-width': `${number.length}ch` } as CSSProperties;
  return (
    <span className="nbt-name" style={style}>
      <span className="nbt-name-stem">{name.slice(0, -number.length)}</span>
      <span className="nbt-name-number">{number}</span>
    </span>
  );
}
