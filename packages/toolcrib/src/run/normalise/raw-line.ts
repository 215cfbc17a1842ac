import { KERNEL_RAW_SCHEMA, type KernelRawEvent } from '../layers/kernel-raw-event.ts';
import type { ObservedCall } from '../observe/observed-call.ts';
import { peerRecord } from './endpoint.ts';
import { pathRecord } from './path-record.ts';

/** What a raw line needs besides the call. */
export interface RawContext {
  readonly runId: string;
  readonly seq: number;
  /** Time of the first call that was told. */
  readonly begin: bigint | undefined;
  /** Makes a text fit to be written. */
  readonly redacted: (text: string) => string;
}

/** The line of `toolcrib/kernel-raw.ndjson`. */
export function formatRawLine(call: ObservedCall, context: RawContext): string {
  const { runId, seq, begin, redacted } = context;
  const event: KernelRawEvent = {
    schema: KERNEL_RAW_SCHEMA,
    run_id: runId,
    seq,
    pid: call.pid,
    tid: call.tid,
    ...(call.time !== undefined && { time_ns: Number(call.time - (begin ?? call.time)) }),
    ...(call.cgroupId !== undefined && { cgroup_id: call.cgroupId }),
    kind: call.kind === 'blind-spot' ? 'blind_spot' : call.kind,
    call: call.call,
    ...(call.abi === 'compat' && { abi: call.abi }),
    ...factsOf(call, redacted),
    ...(call.result !== undefined && { return_value: call.result }),
  };
  return `${JSON.stringify(event)}\n`;
}

type Facts = Pick<KernelRawEvent, 'paths' | 'peer' | 'flags' | 'mode' | 'resolve' | 'child' | 'detail'>;

function factsOf(call: ObservedCall, redacted: (text: string) => string): Facts {
  switch (call.kind) {
    case 'open': {
      const { flags, mode, resolve } = call;
      const asked = { flags, ...(mode !== undefined && { mode }), ...(resolve !== undefined && { resolve }) };
      return { paths: [pathRecord(call.path, redacted)], ...asked };
    }
    case 'exec':
      return { paths: [pathRecord(call.path, redacted)] };
    case 'connect':
      return { peer: call.peer === undefined ? null : peerRecord(call.peer, redacted) };
    case 'send':
      if (call.peer !== undefined) return { peer: peerRecord(call.peer, redacted) };
      return call.unreadable === true ? { peer: null } : {};
    case 'effect':
      return {
        ...(call.paths.length > 0 && { paths: call.paths.map((path) => pathRecord(path, redacted)) }),
        ...(call.peer !== undefined && { peer: peerRecord(call.peer, redacted) }),
      };
    case 'process':
      return call.child === undefined ? {} : { child: call.child };
    case 'blind-spot':
      return call.detail === undefined ? {} : { detail: redacted(call.detail) };
  }
}
