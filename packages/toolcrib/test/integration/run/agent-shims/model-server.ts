import { createServer } from 'node:http';
import { once } from 'node:events';

/** One request of an agent to its model. */
export interface ModelRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
}

/** An answer: JSON, or events of a stream (each the text after `data:`). */
export type ModelAnswer = { readonly json: unknown } | { readonly events: readonly unknown[] };

/**
 * Answers like a model's service. What it throws is what was wrong with the request: the agent gets status 400 with it, and
 * the test finds it in `problems`.
 */
export type Model = (request: ModelRequest) => ModelAnswer;

/** A stand-in for a model's service on 127.0.0.1, ended at the end of its `await using` scope. */
export interface ModelServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly problems: readonly string[];
  readonly requests: readonly ModelRequest[];
}

export async function startModelServer(model: Model): Promise<ModelServer> {
  const problems: string[] = [];
  const requests: ModelRequest[] = [];
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      try {
        const { pathname: path, searchParams: query } = new URL(request.url ?? '/', 'http://model');
        if (request.method !== 'POST') throw new Error(`${request.method ?? ''} ${path} is no question to a model`);
        const body: unknown = JSON.parse(Buffer.concat(pieces).toString());
        const asked = { path, query, headers: request.headers, body };
        requests.push(asked);
        const answer = model(asked);
        const isStream = 'events' in answer;
        response.writeHead(200, { 'content-type': isStream ? 'text/event-stream' : 'application/json' });
        response.end(isStream ? answer.events.map(eventText).join('') : JSON.stringify(answer.json));
      } catch (error) {
        const message = error instanceof Error ? error.message : 'not understood';
        problems.push(message);
        response.writeHead(400, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ error: { code: 400, message, status: 'INVALID_ARGUMENT' } }));
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    problems,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function eventText(event: unknown): string {
  const type = typeof event === 'object' && event !== null && 'type' in event ? event.type : undefined;
  const data = typeof event === 'string' ? event : JSON.stringify(event);
  return `${typeof type === 'string' ? `event: ${type}\n` : ''}data: ${data}\n\n`;
}
