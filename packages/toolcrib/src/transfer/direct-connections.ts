import { Agent, request as openRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import type { Agent as SecureAgent } from 'node:https';
import { pipeline, type Readable } from 'node:stream';
import { trustedAuthorities } from './certificate-authorities.ts';
import type { Answer, Connections, PlainRequest } from './connections.ts';
import { largeBodyOf, preparedForLargeBodies } from './large-body.ts';
import { CONNECT_TIMEOUT_MS, STALL_TIMEOUT_MS, type TransferOptions } from './transfer-options.ts';

interface Limits {
  readonly connectMs: number;
  readonly stallMs: number;
}

/**
 * Connections without a proxy, by Node's own client: it is there in a few milliseconds, where undici takes forty. The
 * import is static, because a dynamic one reads every export of `node:http`, one of which loads Node's own undici.
 */
export function openDirectConnections(options: TransferOptions): Connections {
  const limits = {
    connectMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    stallMs: options.stallTimeoutMs ?? STALL_TIMEOUT_MS,
  };
  const plain = preparedForLargeBodies(new Agent({ keepAlive: true }));
  let secure: Promise<SecureAgent> | undefined;
  return {
    async send(request) {
      if (request.url.protocol === 'http:') return await ask(request, plain, limits);
      secure ??= secureAgent(options.certificateAuthorities);
      return await ask(request, await secure, limits);
    },
    async close() {
      plain.destroy();
      (await secure)?.destroy();
    },
  };
}

async function secureAgent(authorities: string | undefined): Promise<SecureAgent> {
  const { Agent: SecureAgent } = await import('node:https');
  const ca = await trustedAuthorities(authorities);
  return new SecureAgent({ keepAlive: true, ...(ca !== undefined && { ca }) });
}

async function ask(plain: PlainRequest, agent: Agent, limits: Limits): Promise<Answer> {
  const { method, url, signal } = plain;
  return await new Promise<Answer>((resolve, reject) => {
    const options = {
      agent,
      method,
      headers: plain.headers,
      timeout: limits.stallMs,
      ...(signal !== undefined && { signal }),
      // Said, so that Node does not find out whether the host is an address: the expression for that takes it 4 ms to compile.
      ...(url.protocol === 'http:' && { servername: '' }),
    };
    const request = openRequest(url, options); // TLS is the agent's work
    const connecting = setTimeout(() => request.destroy(timeout('no connection')), limits.connectMs);
    request.once('socket', (socket) => {
      const event = url.protocol === 'http:' ? 'connect' : 'secureConnect';
      if (request.reusedSocket) clearTimeout(connecting);
      else socket.once(event, () => clearTimeout(connecting));
    });
    let answer: IncomingMessage | undefined;
    request.once('finish', () => {
      if (answer !== undefined) return;
      // Bytes of a head that never ends would keep the socket from timing out.
      const answering = setTimeout(() => request.destroy(timeout('no answer')), limits.stallMs);
      for (const event of ['response', 'close']) request.once(event, () => clearTimeout(answering));
    });
    request.on('timeout', () => (answer ?? request).destroy(timeout('no byte came')));
    request.once('response', (response) => {
      answer = response;
      if (!request.writableFinished) endWith(response, request);
      const { statusCode: status = 0, headers } = response;
      resolve({ status, headers, body: largeBodyOf(response, method) });
    });
    request.on('error', reject);
    request.once('close', () => {
      clearTimeout(connecting);
      // An answer that wants to speak something else than HTTP ends a request without an error.
      reject(Object.assign(new Error('closed without an answer'), { code: 'ECONNRESET' }));
    });
    sendBody(request, plain.body);
  });
}

/** A server that answers before it has all of the body wants no more of it. */
function endWith(response: IncomingMessage, request: ClientRequest): void {
  response.once('end', () => request.destroy());
}

/** Not awaited: a body that fails destroys the request with its error, and one that hangs is destroyed with it. */
function sendBody(request: ClientRequest, body: Readable | undefined): void {
  if (body === undefined) request.end();
  else pipeline(body, request, () => undefined);
}

function timeout(what: string): Error {
  return Object.assign(new Error(`timeout: ${what}`), { code: 'ETIMEDOUT' });
}
