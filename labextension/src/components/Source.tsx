import type * as React from 'react';

const WORDS = 'False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield match case';
const PARTS = new RegExp(
  [
    '(?<comment>#[^\\n]*)',
    '(?<text>[rbfuRBFU]{0,2}(?:"""[\\s\\S]*?(?:"""|$)|\'\'\'[\\s\\S]*?(?:\'\'\'|$)|"(?:\\\\.|[^"\\\\\\n])*"?|\'(?:\\\\.|[^\'\\\\\\n])*\'?))',
    '(?<number>\\b\\d[\\w.]*)',
    '(?<magic>^[%!][^\\n]*)',
    `(?<word>\\b(?:${WORDS.split(' ').join('|')})\\b)`
  ].join('|'),
  'gm'
);
/** Characters beyond which colours would be felt. */
const MOST = 40_000;

/** Python as text in colours: a help for the eye, not a parser. */
export function Source({ text }: { text: string }): React.JSX.Element {
  const parts: React.ReactNode[] = [];
  let done = 0;
  for (const found of text.length > MOST ? [] : text.matchAll(PARTS)) {
    const kind = Object.entries(found.groups ?? {}).find(([, value]) => value)?.[0];
    parts.push(text.slice(done, found.index), <span key={found.index} data-syntax={kind}>{found[0]}</span>);
    done = found.index + found[0].length;
  }
  parts.push(text.slice(done));
  return <pre className="nbt-source" tabIndex={0}><code>{parts}</code></pre>;
}
