import type { ConnectCall, EffectCall, ObservedCall, ObservedPath, SendCall } from '../observe/observed-call.ts';
import { leadsNowhere } from './endpoint.ts';
import { sendKind, type Fate } from './fate.ts';
import type { GrowingCounts } from './normalised.ts';

/** Names of blind spots come from the observer; a run cannot have more of them than this. */
const MAX_BLIND_SPOTS = 256;

/** Counts a call and what became of it. */
export function countCall(counts: GrowingCounts, call: ObservedCall, fate: Fate): void {
  counts.calls += 1;
  if (fate.to === 'hidden') {
    counts.hidden[fate.rule] += 1;
    if (fate.elsewhere) counts.hiddenElsewhere += 1;
  }
  if (call.kind === 'open') counts.opens += 1;
  if ('ofAnotherProcess' in fate && fate.ofAnotherProcess) countBlindSpot(counts, 'proc_of_others', call.result);
  if (call.kind === 'exec' && isUnnamed(call.path, fate)) countBlindSpot(counts, 'unnamed_exec', call.result);
  if (call.kind === 'open' || call.kind === 'exec') countPath(counts, call.path, call.result);
  else if (call.kind === 'effect') countEffect(counts, call);
  else if (call.kind === 'connect' || call.kind === 'send') countPeer(counts, call);
  else if (call.kind === 'blind-spot') countBlindSpot(counts, call.call, call.result);
}

/** Nothing names the program that runs; one whose path could not be read is lost instead. */
function isUnnamed({ given }: ObservedPath, fate: Fate): boolean {
  return given === '' && fate.to === 'kernel' && fate.value === null;
}

/** Paths mean something else from then on: `/lib/x` can be what is `/home/me` elsewhere. */
const MOVES_PATHS: ReadonlySet<string> = new Set(['mount', 'move_mount', 'umount', 'umount2', 'pivot_root', 'chroot']);

function countEffect(counts: GrowingCounts, { call, paths, result }: EffectCall): void {
  countPaths(counts, paths, result);
  if (MOVES_PATHS.has(call)) countBlindSpot(counts, call, result);
}

/** A record is lost once, however many of its paths are. */
function countPaths(counts: GrowingCounts, paths: readonly ObservedPath[], result: number | undefined): void {
  const lost = paths.find(isLost);
  if (lost !== undefined) countPath(counts, lost, result);
}

function countPath({ unreadable }: GrowingCounts, path: ObservedPath, result: number | undefined): void {
  if (isLost(path)) unreadable[isRefused(result) ? 'refused' : 'paths'] += 1;
}

function isLost({ given, cut }: ObservedPath): boolean {
  return given === undefined || cut === true;
}

function countPeer(counts: GrowingCounts, call: ConnectCall | SendCall): void {
  const { peer, result } = call;
  const kind = call.kind === 'connect' ? 'connect' : sendKind(call);
  if (peer === undefined) countNoPeer(counts, call);
  else if (peer.family === 'inet' || peer.family === 'inet6') counts.endpoints[kind] += 1;
  else counts.nonIpPeers[kind] += 1;
  // Somebody behind a local socket can do things for the run; what other families reach, no endpoint tells.
  if (peer?.family === 'unix') countBlindSpot(counts, `unix_${call.kind}`, result);
  else if (peer?.family === 'other' && !leadsNowhere(call.kind, peer)) {
    countBlindSpot(counts, `non_ip_${call.kind}`, result);
  }
}

function countNoPeer({ sendsWithoutPeer, unreadable }: GrowingCounts, call: ConnectCall | SendCall): void {
  if (call.kind === 'send' && call.unreadable !== true) sendsWithoutPeer[sendKind(call)] += 1;
  else unreadable[isRefused(call.result) ? 'refused' : 'addresses'] += 1;
}

const EAGAIN = 11;
const EFAULT = 14;
const ENAMETOOLONG = 36;
const EINPROGRESS = 115;

/** The kernel could not read the path or address either. */
function isRefused(result: number | undefined): boolean {
  return result === -EFAULT || result === -ENAMETOOLONG;
}

/** What failed hid nothing, but for what goes on by itself. */
function countBlindSpot({ blindSpots }: GrowingCounts, name: string, result: number | undefined): void {
  if (result !== undefined && result < 0 && result !== -EINPROGRESS && result !== -EAGAIN) return;
  const isKnown = blindSpots.has(name) || blindSpots.size < MAX_BLIND_SPOTS;
  const counted = isKnown ? name : 'others';
  blindSpots.set(counted, (blindSpots.get(counted) ?? 0) + 1);
}
