import { HIDES_NONE, type HidingRule } from './hidden-path.ts';

/** Grows when the same calls would give other lines. Stands in `toolcrib/capture.json`. */
export const NORMALISER_VERSION = 'toolcrib.normaliser.v2';

/** What a normaliser took and left out, as counts. */
export interface NormaliserCounts {
  readonly version: string;
  /** Calls that it was given. */
  readonly calls: number;
  /** Opens among them: those that are lines, and those that are hidden. */
  readonly opens: number;
  /** Lines that it wrote. */
  readonly lines: { readonly kernel: number; readonly effects: number; readonly raw: number };
  /** Opens that are left out of the kernel layer, by rule; every rule is there. */
  readonly hidden: Readonly<Record<HidingRule, number>>;
  /** Opens that a rule hides by the path that was given, although they led to what no rule hides. */
  readonly hidden_elsewhere: number;
  /** Connects and sends that are left out, because their peer is no IP endpoint. */
  readonly non_ip_peers: Readonly<Record<NetworkKind, number>>;
  /** Sends that name no peer: they go where the connect said. */
  readonly sends_without_peer: Readonly<Record<'sendto' | 'sendmsg', number>>;
  /** Lines that name an endpoint. */
  readonly endpoints: Readonly<Record<NetworkKind, number>>;
  readonly unreadable: UnreadableCounts;
  /** Calls by which something can happen that is not seen, by name, those that failed left out. */
  readonly blind_spots: Readonly<Record<string, number>>;
}

export type NetworkKind = 'connect' | 'sendto' | 'sendmsg';

/** Paths and addresses that could not be read, or not whole. */
export interface UnreadableCounts {
  /** They count as losses. */
  readonly paths: number;
  readonly addresses: number;
  /** The kernel refused the call for the same reason (EFAULT, ENAMETOOLONG): nothing happened, nothing was lost. */
  readonly refused: number;
}

/** Counts while they grow. */
export interface GrowingCounts {
  calls: number;
  opens: number;
  hiddenElsewhere: number;
  readonly lines: { kernel: number; effects: number; raw: number };
  readonly hidden: Record<HidingRule, number>;
  readonly nonIpPeers: Record<NetworkKind, number>;
  readonly sendsWithoutPeer: { sendto: number; sendmsg: number };
  readonly endpoints: Record<NetworkKind, number>;
  readonly unreadable: { paths: number; addresses: number; refused: number };
  readonly blindSpots: Map<string, number>;
}

export function createCounts(): GrowingCounts {
  return {
    calls: 0,
    opens: 0,
    hiddenElsewhere: 0,
    lines: { kernel: 0, effects: 0, raw: 0 },
    hidden: { ...HIDES_NONE },
    nonIpPeers: { connect: 0, sendto: 0, sendmsg: 0 },
    sendsWithoutPeer: { sendto: 0, sendmsg: 0 },
    endpoints: { connect: 0, sendto: 0, sendmsg: 0 },
    unreadable: { paths: 0, addresses: 0, refused: 0 },
    blindSpots: new Map(),
  };
}

/** What stands in `toolcrib/capture.json`. Keys are in a fixed order, so that the same calls give the same bytes. */
export function finishedCounts(counts: GrowingCounts): NormaliserCounts {
  const { calls, opens, lines, hiddenElsewhere, nonIpPeers, sendsWithoutPeer, endpoints, unreadable } = counts;
  return {
    version: NORMALISER_VERSION,
    calls,
    opens,
    lines: { ...lines },
    hidden: { ...counts.hidden },
    hidden_elsewhere: hiddenElsewhere,
    non_ip_peers: { ...nonIpPeers },
    sends_without_peer: { ...sendsWithoutPeer },
    endpoints: { ...endpoints },
    unreadable: { ...unreadable },
    blind_spots: Object.fromEntries([...counts.blindSpots].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}
