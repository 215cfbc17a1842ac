import type {
  ConnectCall,
  ExecCall,
  ObservedCall,
  ObservedPath,
  OpenCall,
  SendCall,
} from '../observe/observed-call.ts';
import type { SurfaceSet } from '../reports/capability-surface.ts';
import { endpointText, leadsNowhere } from './endpoint.ts';
import { hidingRule, leadsElsewhere, type HidingRule } from './hidden-path.ts';
import type { KernelKind } from './kernel-line.ts';
import type { NetworkKind } from './normalised.ts';
import { isOfAnotherProcess } from './process-files.ts';

/** What becomes of a call. */
export type Fate =
  | {
      readonly to: 'kernel';
      readonly kind: KernelKind;
      readonly value: string | null;
      readonly open?: OpenCall;
      readonly ofAnotherProcess?: boolean;
    }
  | { readonly to: 'effects' }
  /** Left out of the kernel layer by a rule. */
  | {
      readonly to: 'hidden';
      readonly rule: HidingRule;
      readonly elsewhere: boolean;
      readonly ofAnotherProcess: boolean;
    }
  /** Told in the raw member alone. */
  | { readonly to: 'nowhere' };

/** Makes a text fit to be written into a set of the surface. */
export type RedactValue = (set: SurfaceSet, text: string) => string;

const EFFECTS: Fate = { to: 'effects' };
const NOWHERE: Fate = { to: 'nowhere' };

export function fateOf(call: ObservedCall, redacted: RedactValue): Fate {
  switch (call.kind) {
    case 'open':
      return openFate(call, redacted);
    case 'exec':
      return execFate(call, redacted);
    case 'connect':
      return peerFate(call, 'connect', redacted);
    case 'send':
      return call.peer === undefined && call.unreadable !== true ? NOWHERE : peerFate(call, sendKind(call), redacted);
    case 'effect':
    case 'blind-spot':
      return EFFECTS;
    case 'process':
      return NOWHERE;
  }
}

function openFate(call: OpenCall, redacted: RedactValue): Fate {
  const { given, absolute } = call.path;
  // What was redacted decides, so that who has the raw member comes to the same lines.
  const text = given === undefined ? '' : redacted('filesystem_paths', given);
  const rule = hidingRule(text);
  const ofAnotherProcess = isOfAnotherProcess(text, { pid: call.pid, tid: call.tid, absolute });
  if (rule !== undefined) return { to: 'hidden', rule, elsewhere: leadsElsewhere(text, absolute), ofAnotherProcess };
  return { to: 'kernel', kind: 'openat', value: isWhole(call.path) ? text : null, open: call, ofAnotherProcess };
}

/** One that replaced no program is an effect that failed. */
function execFate({ path, result }: ExecCall, redacted: RedactValue): Fate {
  if (result !== 0) return EFFECTS;
  const program = programOf(path);
  return { to: 'kernel', kind: 'exec', value: program === undefined ? null : redacted('process_execs', program) };
}

/** As it was given; of one that was started by its descriptor alone where that led, because nothing else names it. */
function programOf(path: ObservedPath): string | undefined {
  if (path.given === '' && path.absolute?.startsWith('/') === true) return path.absolute;
  return isWhole(path) ? path.given : undefined;
}

/**
 * Whether the value of a line can be told: the path **as the program gave it**, like in layers of other writers
 * (`core/kernel/decode.rs` takes the argument of the call), so that layers compare and do not depend on what an observer
 * can resolve. Absolute paths are in our own members.
 */
function isWhole(path: ObservedPath): path is ObservedPath & { readonly given: string } {
  return path.given !== undefined && path.given !== '' && path.cut !== true;
}

/** An address that could not be read is a line without a value; one that is no IP endpoint is told among the effects. */
function peerFate({ kind: call, peer }: ConnectCall | SendCall, kind: NetworkKind, redacted: RedactValue): Fate {
  if (peer === undefined) return { to: 'kernel', kind, value: null };
  if (peer.family === 'other' && leadsNowhere(call, peer)) return NOWHERE;
  const endpoint = endpointText(peer);
  return endpoint === undefined ? EFFECTS : { to: 'kernel', kind, value: redacted('network_endpoints', endpoint) };
}

/** `sendmmsg` is told message by message. */
export function sendKind({ call }: SendCall): 'sendto' | 'sendmsg' {
  return call === 'sendto' ? 'sendto' : 'sendmsg';
}
