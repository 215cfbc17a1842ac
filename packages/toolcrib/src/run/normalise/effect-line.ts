import { EFFECT_SCHEMA, type EffectEvent } from '../layers/effect-event.ts';
import type { BlindSpotCall, EffectCall, ExecCall } from '../observe/observed-call.ts';
import { peerRecord } from './endpoint.ts';
import { pathRecord } from './path-record.ts';

/** A call that our own member of effects tells: what changes something, an exec that failed, what can hide others. */
export type EffectSource = EffectCall | ExecCall | BlindSpotCall;

/** The line of `toolcrib/effects.ndjson`. @param redacted makes a text fit to be written. */
export function formatEffectLine(
  runId: string,
  seq: number,
  call: EffectSource,
  redacted: (text: string) => string,
): string {
  const event: EffectEvent = {
    schema: EFFECT_SCHEMA,
    run_id: runId,
    seq,
    pid: call.pid,
    kind: call.kind === 'blind-spot' ? 'blind_spot' : call.kind,
    call: call.call,
    ...(call.abi === 'compat' && { abi: call.abi }),
    ...whatOf(call, redacted),
    ...(call.result !== undefined && { return_value: call.result, status: call.result < 0 ? 'error' : 'success' }),
  };
  return `${JSON.stringify(event)}\n`;
}

function whatOf(
  call: EffectSource,
  redacted: (text: string) => string,
): Pick<EffectEvent, 'paths' | 'peer' | 'detail'> {
  if (call.kind === 'blind-spot') return call.detail === undefined ? {} : { detail: redacted(call.detail) };
  if (call.kind === 'exec') return { paths: [pathRecord(call.path, redacted)] };
  return {
    ...(call.paths.length > 0 && { paths: call.paths.map((path) => pathRecord(path, redacted)) }),
    ...(call.peer !== undefined && { peer: peerRecord(call.peer, redacted) }),
  };
}
