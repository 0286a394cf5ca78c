import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
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

/** The questions that the front end may ask. */
export interface Transport {
  /**
   * The runs of the store that serves a path.
   *
   * @param known - The mark of the answer that the caller already has.
   * @returns The answer with its mark, or null if it is still the known one.
   * @throws ServerError
   */
  runs(query: RunQuery, known?: string | null): Promise<{ table: RunTable; mark: string | null } | null>;
}

/** As many rows as the table shows with ease. */
const LIMIT = '10000';

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
    const response = await this.get('runs.search', { path: query.path, filter: query.filter, limit: LIMIT }, known);
    if (response.status === 304) {
      return null;
    }
    return { table: (await response.json()) as RunTable, mark: response.headers.get('ETag') };
  }

  private async get(route: string, query: Record<string, string>, known?: string | null): Promise<Response> {
    const address =
      URLExt.join(this.settings.baseUrl, 'nbtrack', 'api', route) + URLExt.objectToQueryString(query);
    const init: RequestInit = known ? { headers: { 'If-None-Match': known } } : {};
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
