import type { ServerResponse } from 'node:http';
import type { ProxiedAnswer, ProxiedRequest, ProxyFault } from '../../servers/fault-proxy.ts';
import type { Chance } from './chance.ts';

/** What goes wrong on the way to a store. */
export const FAULTS = [
  'reset',
  'reset within the body',
  'stall',
  'stall within the body',
  'cut off',
  'shorter than it is',
  'other bytes',
  'compressed',
  '429',
  '503',
  'redirect loop',
  'redirect away',
] as const;
export type FaultName = (typeof FAULTS)[number];

/** Whoever was redirected once to below this path always is. */
const LOOP = '/and-again/';

/**
 * What to do with a request.
 * @param foreign an origin that has nothing to do with the store.
 */
export function faultFor(name: FaultName, request: ProxiedRequest, chance: Chance, foreign: string): ProxyFault {
  const redirect = (location: string): ProxyFault => ({
    moment: 'before-request',
    write: (response) => void response.writeHead(chance.pick([301, 302, 303, 307, 308]), { location }).end(),
  });
  const answer = (status: number, headers: Readonly<Record<string, string>>): ProxyFault => ({
    moment: 'before-request',
    write: (response) => void response.writeHead(status, headers).end(),
  });
  switch (name) {
    case 'reset':
      return { moment: 'before-request', write: (response) => void response.socket?.resetAndDestroy() };
    case 'stall':
      return { moment: 'before-request', write: () => undefined };
    case 'reset within the body':
      return within(chance, (response) => response.socket?.resetAndDestroy());
    case 'stall within the body':
      return within(chance, () => undefined);
    case 'cut off':
      return within(chance, (response) => response.socket?.end());
    case 'shorter than it is':
      return changed((body) => body.subarray(0, chance.below(body.byteLength)));
    case 'other bytes':
      return changed((body) => Buffer.from(body.map((byte) => byte ^ 1)));
    case 'compressed':
      return changed((body) => body, ['content-encoding', 'gzip']);
    case '429':
    case '503':
      return answer(Number(name), { 'retry-after': chance.pick(['0', '7', 'Fri, 02 Jan 2026 03:04:05 GMT', 'later']) });
    case 'redirect loop':
      return redirect(`${LOOP}${request.number}`);
    case 'redirect away':
      return redirect(`${foreign}${request.path.split('?')[0]}?from=${request.headers.host}`);
  }
}

/** Whether a request goes on in a loop that an earlier one was sent into. */
export function isInLoop({ path }: ProxiedRequest): boolean {
  return path.startsWith(LOOP);
}

/** Announces the whole body, sends some of it, and does something. */
function within(chance: Chance, then: (response: ServerResponse) => unknown): ProxyFault {
  return write((response, { status, headers, body }) => {
    response.writeHead(status, [...headers, 'content-length', String(body.byteLength)]).flushHeaders();
    response.write(body.subarray(0, chance.below(body.byteLength + 1)), () => then(response));
  });
}

/** Sends another body, with its right length. */
function changed(change: (body: Buffer) => Uint8Array, more: readonly string[] = []): ProxyFault {
  return write((response, { status, headers, body }) => {
    const other = change(body);
    response.writeHead(status, [...headers, ...more, 'content-length', String(other.byteLength)]).end(other);
  });
}

function write(how: (response: ServerResponse, answer: ProxiedAnswer) => void): ProxyFault {
  return {
    moment: 'before-answer',
    write(response, answer) {
      if (answer === undefined) throw new Error('the server did not answer');
      how(response, answer);
    },
  };
}
