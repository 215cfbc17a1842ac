/**
 * Resolves one artifact as a process of its own: `resolve-once.ts JSON`. Prints the resolution as one line of JSON, or
 * `{"code", "message"}` of the error and ends with 1. SIGINT aborts, and ends with 130.
 */
import { NO_ATTESTATION_POLICY } from '../../../src/config/attestation-policy.ts';
import { get, type IncomingMessage } from 'node:http';
import { openCache } from '../../../src/cache/cache.ts';
import type { ToolPins } from '../../../src/config/config.ts';
import { ToolcribError, RemoteError } from '../../../src/core/errors.ts';
import { silentReporter } from '../../../src/core/reporter.ts';
import { parseSums } from '../../../src/core/sums.ts';
import { parseTarget } from '../../../src/core/target.ts';
import { systemClock } from '../../../src/flows/host.ts';
import type { OpenFetcher } from '../../../src/resolve/resolution.ts';
import { resolveArtifact } from '../../../src/resolve/resolve-artifact.ts';

/** What the process is told. */
export interface Order {
  readonly cacheDirectory: string;
  /** A sums file of tool `probe`, version 1, target `amd64-any`. */
  readonly sums: string;
  /** Base of an HTTP server; undefined is offline. */
  readonly server: string | undefined;
  /** True: unpack it, too. */
  readonly unpack: boolean;
}

const TARGET = parseTarget('amd64-any');

function httpStore(base: string): OpenFetcher {
  return {
    reference: base,
    fetch(name, { signal } = {}) {
      const url = `${base}/${name}`;
      return new Promise((resolve, reject) => {
        const answered = (response: IncomingMessage) => {
          if (response.statusCode !== 200) resolve(undefined);
          else resolve({ url, size: Number(response.headers['content-length']), bytes: response });
        };
        get(url, { ...(signal && { signal }), agent: false }, answered).once('error', (cause) =>
          reject(new RemoteError('UNREACHABLE', `${url}: ${cause.message}`, { cause })),
        );
      });
    },
  };
}

function pinsOf(order: Order): ToolPins {
  return {
    tool: 'probe',
    version: 1,
    targets: [TARGET],
    sums: parseSums(order.sums, 'SHA256SUMS'),
    sumsFile: 'SHA256SUMS',
    binaries: [],
    stores: [{ kind: 'directory', url: order.server ?? 'file:none', directory: '' }],
    rewrite: [],
    attestation: NO_ATTESTATION_POLICY,
    revocationFile: undefined,
    install: [],
    entrypoint: [],
    healthcheck: [],
  };
}

async function resolveOrder(order: Order, signal: AbortSignal): Promise<object> {
  const cache = openCache(order.cacheDirectory, { clock: systemClock });
  const resolution = await resolveArtifact({
    pins: pinsOf(order),
    target: TARGET,
    cache,
    openStore: (reference) => Promise.resolve(httpStore(reference.url)),
    offline: order.server === undefined,
    reporter: silentReporter,
    clock: systemClock,
    openVerifier: () => Promise.reject(new Error('asked for a verifier')),
    openRevocations: () => Promise.reject(new Error('asked for revocations')),
    signal,
  });
  if (!order.unpack) return resolution;
  const { path, digest } = resolution;
  const { tarDigest } = await cache.unpacked({ path, digest, tool: 'probe' }, { signal });
  return { ...resolution, tarDigest };
}

if (import.meta.main) {
  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort(new Error('interrupted')));
  try {
    const order = JSON.parse(process.argv[2] ?? '') as Order;
    console.log(JSON.stringify(await resolveOrder(order, controller.signal)));
  } catch (error) {
    if (!controller.signal.aborted && !(error instanceof ToolcribError)) throw error;
    const code = error instanceof ToolcribError ? error.code : 'ABORTED';
    console.log(JSON.stringify({ code, message: String(error) }));
    process.exitCode = controller.signal.aborted ? 130 : 1;
  }
}
