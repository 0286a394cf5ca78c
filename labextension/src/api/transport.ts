import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type { Client } from './client';
import type { RunTable } from './types';

/** What to ask for. `path` is of a notebook or a folder, relative to the server's root. */
export interface RunQuery {
  readonly path: string;
  readonly filter: string;
}

/** An error that the server put into words for a person. */
export class ServerError extends Error {
  constructor(
    message: string,
    readonly code: string,
    readonly status: number
  ) {
    super(message);
  }
}

/** The way to the stores of a server. */
export interface Transport {
  /**
   * The runs of the store that serves a path.
   *
   * @param known - The mark of the answer that the caller already has.
   * @returns The answer with its mark, or null if it is still the known one.
   * @throws ServerError
   */
  runs(query: RunQuery, known?: string | null): Promise<{ table: RunTable; mark: string | null } | null>;

  /**
   * A text that differs when the store of a path has changed: cheap to ask for again and again.
   *
   * @throws ServerError
   */
  mark(path: string, known: string | null): Promise<string | null>;

  /** Everything else, of the store that serves a path. */
  at(path: string): Client;
}

/** As many rows as the table shows with ease. */
const LIMIT = '10000';

type Argument = string | number | boolean | readonly string[] | undefined;

interface ErrorBody {
  error?: { code?: string; message?: string };
}

/** Asks the Jupyter server. The only place that knows addresses. */
export class HttpTransport implements Transport {
  private readonly settings: ServerConnection.ISettings;

  constructor(settings?: ServerConnection.ISettings) {
    this.settings = settings ?? ServerConnection.makeSettings();
  }

  async runs(query: RunQuery, known?: string | null): Promise<{ table: RunTable; mark: string | null } | null> {
    const given = query.filter ? { filter: query.filter, limit: LIMIT } : { limit: LIMIT };
    const response = await this.get('runs.search', query.path, given, known);
    if (response.status === 304) {
      return null;
    }
    return { table: (await response.json()) as RunTable, mark: response.headers.get('ETag') };
  }

  async mark(path: string, known: string | null): Promise<string | null> {
    const response = await this.get('runs.search', path, { limit: 0 }, known);
    return response.status === 304 ? known : response.headers.get('ETag');
  }

  at(path: string): Client {
    return {
      ask: async (name, given) => (await (await this.get(name, path, given)).json()) as never,
      decide: async (name, given) => (await (await this.post(name, path, given)).json()) as never
    };
  }

  private async get(name: string, path: string, given: Record<string, Argument>, known?: string | null): Promise<Response> {
    const query = new URLSearchParams({ path });
    for (const [key, value] of Object.entries(given)) {
      for (const one of Array.isArray(value) ? (value as readonly string[]) : [value]) {
        if (one !== undefined) {
          query.append(key, String(one));
        }
      }
    }
    return this.send(name, query, known ? { headers: { 'If-None-Match': known } } : {});
  }

  private async post(name: string, path: string, given: object): Promise<Response> {
    const headers = { 'Content-Type': 'application/json' };
    const query = new URLSearchParams({ path });
    return this.send(name, query, { method: 'POST', headers, body: JSON.stringify(given) });
  }

  private async send(name: string, query: URLSearchParams, init: RequestInit): Promise<Response> {
    const address = `${URLExt.join(this.settings.baseUrl, 'nbtrack', 'api', name)}?${query.toString()}`;
    const response = await ServerConnection.makeRequest(address, init, this.settings);
    if (!response.ok && response.status !== 304) {
      throw await errorOf(response);
    }
    return response;
  }
}

async function errorOf(response: Response): Promise<ServerError> {
  const body = (await response.json().catch(() => ({}))) as ErrorBody;
  const code = body.error?.code ?? 'http';
  return new ServerError(body.error?.message ?? response.statusText, code, response.status);
}
