import type {
  BlindSpotCall,
  ConnectCall,
  EffectCall,
  ExecCall,
  ObservedCall,
  ObservedPath,
  OpenCall,
  Peer,
  SendCall,
} from '../observe/observed-call.ts';
import type { Redactor } from '../redaction/redactor.ts';
import type { SurfaceBuilder, SurfaceSet } from '../reports/capability-surface.ts';
import { formatEffectLine, type EffectSource } from './effect-line.ts';
import { endpointText } from './endpoint.ts';
import { hidingRule, leadsElsewhere } from './hidden-path.ts';
import { createKernelLineFormat, type KernelKind } from './kernel-line.ts';
import { createCounts, finishedCounts, increment, type NetworkKind, type NormaliserCounts } from './normalised.ts';
import { formatRawLine } from './raw-line.ts';

/** What one call becomes: at most one line of each member, ended by a newline. */
export interface NormalisedLines {
  /** Of `layers/kernel.ndjson`. */
  readonly kernel?: string;
  /** Of `toolcrib/effects.ndjson`. */
  readonly effect?: string;
  /** Of `toolcrib/kernel-raw.ndjson`. */
  readonly raw?: string;
}

/**
 * Makes lines of the calls that an observer tells, one call at a time and in their order. Nothing is kept of a call but
 * counts and what the surface keeps.
 */
export interface Normaliser {
  take(call: ObservedCall): NormalisedLines;
  /** What was taken and left out so far. */
  counts(): NormaliserCounts;
}

export interface NormaliserOptions {
  readonly runId: string;
  /** Every text goes through it before it leaves. */
  readonly redactor: Pick<Redactor, 'text'>;
  /**
   * Gets what the kernel lines imply. A run whose attribution turns out to be in doubt has an empty kernel layer: its
   * surface is built anew, without these.
   */
  readonly surface: SurfaceBuilder;
  /** Whether there is a raw member. */
  readonly raw: boolean;
}

/** Names of blind spots come from the observer; a run cannot have more of them than this. */
const MAX_BLIND_SPOTS = 256;

const SET_OF_KIND: Readonly<Record<KernelKind, SurfaceSet>> = {
  openat: 'filesystem_paths',
  connect: 'network_endpoints',
  sendto: 'network_endpoints',
  sendmsg: 'network_endpoints',
  exec: 'process_execs',
};

export function createNormaliser({ runId, redactor, surface, raw }: NormaliserOptions): Normaliser {
  const counts = createCounts();
  const { lines, unreadable } = counts;
  const formatKernelLine = createKernelLineFormat(runId);
  const redactedEffect = (text: string): string => redactor.text('effects', text);
  const redactedRaw = (text: string): string => redactor.text('kernel_raw', text);
  let begin: bigint | undefined;

  const redacted = (kind: KernelKind, text: string | null): string | null =>
    text === null ? null : redactor.text(SET_OF_KIND[kind], text);

  const kernelLine = (pid: number, kind: KernelKind, value: string | null, open?: OpenCall): string => {
    surface.addKernelEvent(kind, value);
    const line = { pid, kind, value, ...(open !== undefined && { open }) };
    return formatKernelLine(lines.kernel++, line);
  };

  const effectLine = (call: EffectSource): NormalisedLines => ({
    effect: formatEffectLine(runId, lines.effects++, call, redactedEffect),
  });

  const countPath = (path: ObservedPath, result: number | undefined): void => {
    if (path.given !== undefined && path.cut !== true) return;
    if (isRefused(result)) unreadable.refused += 1;
    else unreadable.paths += 1;
  };

  const openLine = (call: OpenCall): NormalisedLines => {
    counts.opens += 1;
    countPath(call.path, call.result);
    const { given, absolute } = call.path;
    // What was redacted decides, so that who has the raw member comes to the same lines.
    const text = redacted('openat', given ?? null);
    const rule = text === null ? undefined : hidingRule(text);
    if (text === null || rule === undefined) {
      const value = wholePath(call.path) === null ? null : text;
      return { kernel: kernelLine(call.pid, 'openat', value, call) };
    }
    counts.hidden[rule] += 1;
    if (leadsElsewhere(text, absolute)) counts.hiddenElsewhere += 1;
    return {};
  };

  const execLine = (call: ExecCall): NormalisedLines => {
    countPath(call.path, call.result);
    if (call.result !== 0) return effectLine(call);
    return { kernel: kernelLine(call.pid, 'exec', redacted('exec', wholePath(call.path))) };
  };

  const networkLine = (pid: number, kind: NetworkKind, peer: Peer | undefined): NormalisedLines => {
    const endpoint = peer === undefined ? null : endpointText(peer);
    if (endpoint === undefined) {
      counts.nonIpPeers[kind] += 1;
      return {};
    }
    if (endpoint !== null) counts.endpoints[kind] += 1;
    return { kernel: kernelLine(pid, kind, redacted(kind, endpoint)) };
  };

  /** Somebody behind a local socket can do things for the run. */
  const localLine = (call: ConnectCall | SendCall, kind: NetworkKind): NormalisedLines => {
    counts.nonIpPeers[kind] += 1;
    countBlindSpot(kind === 'connect' ? 'unix_connect' : 'unix_send', call.result);
    return effectLine(call);
  };

  const countAddress = (result: number | undefined): void => {
    if (isRefused(result)) unreadable.refused += 1;
    else unreadable.addresses += 1;
  };

  const connectLine = (call: ConnectCall): NormalisedLines => {
    if (call.peer === undefined) countAddress(call.result);
    return call.peer?.family === 'unix' ? localLine(call, 'connect') : networkLine(call.pid, 'connect', call.peer);
  };

  const sendLine = (call: SendCall): NormalisedLines => {
    const kind = call.call === 'sendto' ? 'sendto' : 'sendmsg';
    if (call.peer?.family === 'unix') return localLine(call, kind);
    if (call.peer !== undefined) return networkLine(call.pid, kind, call.peer);
    if (call.unreadable === true) {
      countAddress(call.result);
      return networkLine(call.pid, kind, undefined);
    }
    counts.sendsWithoutPeer[kind] += 1;
    return {};
  };

  const countBlindSpot = (name: string, result: number | undefined): void => {
    // What failed hid nothing, but for what goes on by itself.
    if (result !== undefined && result < 0 && result !== -EINPROGRESS && result !== -EAGAIN) return;
    const known = counts.blindSpots.has(name) || counts.blindSpots.size < MAX_BLIND_SPOTS;
    increment(counts.blindSpots, known ? name : 'others');
  };

  const blindSpotLine = (call: BlindSpotCall): NormalisedLines => {
    countBlindSpot(call.call, call.result);
    return effectLine(call);
  };

  const changeLine = (call: EffectCall): NormalisedLines => {
    // A record is lost once, however many of its paths are.
    const lost = call.paths.find(({ given, cut }) => given === undefined || cut === true);
    if (lost !== undefined) countPath(lost, call.result);
    return effectLine(call);
  };

  const linesOf = (call: ObservedCall): NormalisedLines => {
    switch (call.kind) {
      case 'open':
        return openLine(call);
      case 'connect':
        return connectLine(call);
      case 'send':
        return sendLine(call);
      case 'exec':
        return execLine(call);
      case 'effect':
        return changeLine(call);
      case 'blind-spot':
        return blindSpotLine(call);
      case 'process':
        return {};
    }
  };

  return {
    take(call) {
      counts.calls += 1;
      const normalised = linesOf(call);
      if (!raw) return normalised;
      begin ??= call.time;
      const context = { runId, seq: lines.raw++, begin, redacted: redactedRaw };
      return { ...normalised, raw: formatRawLine(call, context) };
    },
    counts: () => finishedCounts(counts),
  };
}

const EFAULT = 14;
const ENAMETOOLONG = 36;
const EAGAIN = 11;
const EINPROGRESS = 115;

/** The kernel could not read the path or address either. */
function isRefused(result: number | undefined): boolean {
  return result === -EFAULT || result === -ENAMETOOLONG;
}

/**
 * The value of a line: the path **as the program gave it**, like in layers of other writers (`core/kernel/decode.rs`
 * takes the argument of the call), so that layers compare and do not depend on what an observer can resolve. Absolute
 * paths are in our own members. Null when it was not read whole, or is empty.
 */
function wholePath({ given, cut }: ObservedPath): string | null {
  return given === undefined || given === '' || cut === true ? null : given;
}
