import { NO_ATTESTATION_POLICY } from '../../../src/config/attestation-policy.ts';
import { join } from 'node:path';
import type { ToolPins } from '../../../src/config/config.ts';
import { digestOf } from '../../../src/core/digest.ts';
import type { Notice, Reporter } from '../../../src/core/reporter.ts';
import { parseStoreReference } from '../../../src/core/reference.ts';
import { parseTarget } from '../../../src/core/target.ts';
import { systemClock } from '../../../src/flows/host.ts';
import type { OpenFetcher, ResolveRequest } from '../../../src/resolve/resolution.ts';
import { openDirectoryStore } from '../../../src/stores/directory/directory-store.ts';
import { openTestCache } from '../cache/open-test-cache.ts';
import { bytesOf } from '../disk/scratch.ts';

export const NAME = 'probe-amd64-any-v3';
export const BYTES = bytesOf(150_000);
export const DIGEST = digestOf(BYTES);
export const TARGET = parseTarget('amd64-any');

/** The bytes of progress that were told for one piece of work. */
export interface SeenProgress {
  readonly label: string;
  readonly total: number | undefined;
  bytes: number;
  ended: boolean;
}

export interface TestRequest extends ResolveRequest {
  readonly notices: Notice[];
  readonly progresses: SeenProgress[];
}

/** A request in a scratch directory: folders `bundled`, `cache`, and directory stores with the given names. */
export function requestIn(
  folder: string,
  stores: readonly string[],
  changes: Partial<ResolveRequest> = {},
): TestRequest {
  const notices: Notice[] = [];
  const progresses: SeenProgress[] = [];
  return {
    pins: pinsIn(folder, stores),
    target: TARGET,
    cache: openTestCache(join(folder, 'cache')).cache,
    openStore: (reference) => Promise.resolve(openIn(folder, reference)),
    openVerifier: () => Promise.reject(new Error('asked for a verifier')),
    openRevocations: () => Promise.reject(new Error('asked for revocations')),
    offline: false,
    reporter: recordingReporter(notices, progresses),
    clock: systemClock,
    notices,
    progresses,
    ...changes,
  };
}

export function pinsIn(folder: string, stores: readonly string[]): ToolPins {
  return {
    tool: 'probe',
    version: 3,
    targets: [TARGET],
    sums: new Map([[NAME, DIGEST]]),
    sumsFile: join(folder, 'SHA256SUMS'),
    binaries: [join(folder, 'bundled')],
    stores: stores.map((name) => parseStoreReference(`file:${join(folder, name)}`)),
    rewrite: [],
    attestation: NO_ATTESTATION_POLICY,
    revocationFile: undefined,
    install: [],
    entrypoint: [],
    healthcheck: [],
  };
}

function openIn(folder: string, reference: ToolPins['stores'][number]): OpenFetcher {
  if (reference.kind !== 'directory') throw new Error('these tests work with directory stores');
  return openDirectoryStore(reference, { folder, clock: systemClock });
}

function recordingReporter(notices: Notice[], progresses: SeenProgress[]): Reporter {
  return {
    notice: (notice) => void notices.push(notice),
    progress(label, total) {
      const seen: SeenProgress = { label, total, bytes: 0, ended: false };
      progresses.push(seen);
      return {
        advance: (bytes) => void (seen.bytes += bytes),
        end: () => void (seen.ended = true),
      };
    },
  };
}
