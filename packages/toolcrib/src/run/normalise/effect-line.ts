import { EFFECT_SCHEMA, type EffectEvent } from '../layers/effect-event.ts';
import type {
  BlindSpotCall,
  ConnectCall,
  EffectCall,
  ExecCall,
  ObservedCall,
  SendCall,
} from '../observe/observed-call.ts';
import { peerRecord } from './endpoint.ts';
import { pathRecord } from './path-record.ts';

/**
 * A call that our own member of effects tells: what changes something, an exec that failed, what can hide others, also a
 * connect or send to what is no IP endpoint.
 */
export type EffectSource = EffectCall | ExecCall | BlindSpotCall | ConnectCall | SendCall;

const KINDS: Readonly<Record<EffectSource['kind'], EffectEvent['kind']>> = {
  effect: 'effect',
  exec: 'exec',
  'blind-spot': 'blind_spot',
  connect: 'blind_spot',
  send: 'blind_spot',
};

/** Whether a call is of a kind that can be told so. */
export function isEffectSource(call: ObservedCall): call is EffectSource {
  return call.kind in KINDS;
}

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
    kind: KINDS[call.kind],
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
  const paths = call.kind === 'effect' ? call.paths : [];
  return {
    ...(paths.length > 0 && { paths: paths.map((path) => pathRecord(path, redacted)) }),
    ...(call.peer !== undefined && { peer: peerRecord(call.peer, redacted) }),
  };
}
