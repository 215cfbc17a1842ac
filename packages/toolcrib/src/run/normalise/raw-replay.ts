import { createDigester, type Digest } from '../../core/digest.ts';
import type { PathRecord, PeerRecord } from '../layers/effect-event.ts';
import type { ReadRawEvent } from '../layers/kernel-raw-event.ts';
import type { ObservedCall, ObservedPath, Peer } from '../observe/observed-call.ts';
import { createSurfaceBuilder } from '../reports/capability-surface.ts';
import { createNormaliser } from './normaliser.ts';
import type { NormaliserCounts } from './normalised.ts';

/** What the other members have to be when the raw one is right. */
export interface ReplayedMembers {
  /** Of `layers/kernel.ndjson`. */
  readonly kernel: Digest;
  /** Of `toolcrib/effects.ndjson`. */
  readonly effects: Digest;
  readonly counts: NormaliserCounts;
}

/** Normalises once more what a raw member tells: its layers hold that, less exactly what is hidden. */
export interface RawReplay {
  take(event: ReadRawEvent): void;
  /** Call it once, after the last line. */
  finish(): ReplayedMembers;
}

/** Keeps nothing but digests and counts. */
export function createRawReplay(runId: string): RawReplay {
  const [kernel, effects] = [createDigester(), createDigester()];
  const redactor = { text: (_field: string, value: string) => value };
  const surface = { ...createSurfaceBuilder(), addKernelEvent: () => undefined };
  const normaliser = createNormaliser({ runId, redactor, surface, raw: false });
  return {
    take(event) {
      const lines = normaliser.take(observedCallFrom(event));
      if (lines.kernel !== undefined) kernel.update(Buffer.from(lines.kernel));
      if (lines.effect !== undefined) effects.update(Buffer.from(lines.effect));
    },
    finish: () => ({ kernel: kernel.finish(), effects: effects.finish(), counts: normaliser.counts() }),
  };
}

/** The call that a raw line tells, as far as the other members depend on it. */
export function observedCallFrom(event: ReadRawEvent): ObservedCall {
  const { pid, tid, call, return_value: result, detail, child } = event;
  const abi: ObservedCall['abi'] = event.abi ?? 'native';
  const base = { pid, tid, call, abi, result };
  const paths = (event.paths ?? []).map(pathFrom);
  const path = paths[0] ?? { given: undefined };
  const peer = event.peer ? peerFrom(event.peer) : undefined;
  switch (event.kind) {
    case 'open': {
      const { flags = 0, mode, resolve } = event;
      return { ...base, kind: 'open', path, flags, ...(mode !== undefined && { mode }), ...(resolve && { resolve }) };
    }
    case 'connect':
      return { ...base, kind: 'connect', peer };
    case 'send':
      return { ...base, kind: 'send', peer, ...(event.peer === null && { unreadable: true }) };
    case 'exec':
      return { ...base, kind: 'exec', path };
    case 'effect':
      return { ...base, kind: 'effect', paths, ...(peer !== undefined && { peer }) };
    case 'process':
      return {
        ...base,
        kind: 'process',
        call: call === 'fork' ? 'fork' : 'exit',
        ...(child !== undefined && { child }),
      };
    case 'blind_spot':
      return { ...base, kind: 'blind-spot', ...(detail !== undefined && { detail }) };
  }
}

type Read<T> = { readonly [Key in keyof T]: T[Key] | undefined };

function pathFrom({ given, absolute, cut }: Read<PathRecord>): ObservedPath {
  return { given: given ?? undefined, ...(absolute !== undefined && { absolute }), ...(cut && { cut }) };
}

function peerFrom(peer: PeerRecord): Peer {
  if (peer.family === 'unix' || peer.family === 'other') return peer;
  const { family, endpoint } = peer;
  const colon = endpoint.lastIndexOf(':');
  const address = family === 'inet6' ? endpoint.slice(1, colon - 1) : endpoint.slice(0, colon);
  return { family, address, port: Number(endpoint.slice(colon + 1)) };
}
