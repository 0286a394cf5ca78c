import type { Decisions, Questions } from './operations';

/** What a component may ask of the store of one place, and decide about it. Knows no host. */
export interface Client {
  ask<Name extends keyof Questions>(name: Name, given: Questions[Name]['arguments']): Promise<Questions[Name]['answer']>;
  decide<Name extends keyof Decisions>(name: Name, given: Decisions[Name]['arguments']): Promise<Decisions[Name]['answer']>;
}
