import { useEffect, useState } from 'react';
import type { Client } from '../api/client';
import type { Questions } from '../api/operations';

/** What is known of an answer: the last one stays while the next is awaited. */
export interface Asked<Answer> {
  readonly answer: Answer | null;
  readonly error: string | null;
}

/**
 * Ask, and ask again when the arguments or the state of the store change.
 *
 * @param mark - A text that differs when the store has changed.
 */
export function useAnswer<Name extends keyof Questions>(
  client: Client,
  name: Name,
  given: Questions[Name]['arguments'],
  mark: string | null
): Asked<Questions[Name]['answer']> {
  const [state, setState] = useState<Asked<Questions[Name]['answer']>>({ answer: null, error: null });
  const asked = JSON.stringify(given);
  useEffect(() => {
    let wanted = true;
    client.ask(name, JSON.parse(asked) as Questions[Name]['arguments']).then(
      answer => {
        if (wanted) {
          setState({ answer, error: null });
        }
      },
      (reason: unknown) => {
        if (wanted) {
          setState(current => ({ ...current, error: reason instanceof Error ? reason.message : String(reason) }));
        }
      }
    );
    return () => { wanted = false; };
  }, [client, name, asked, mark]);
  return state;
}
