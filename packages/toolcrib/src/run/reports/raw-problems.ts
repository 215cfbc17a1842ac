import type { Digest } from '../../core/digest.ts';
import type { ReplayedMembers } from '../normalise/raw-replay.ts';
import { NORMALISER_VERSION, type NormaliserCounts } from '../normalise/normalised.ts';
import type { CaptureRecord } from './capture-record.ts';

/** What the same archive holds. Digests as they were computed; undefined for a member that is not there. */
export interface NormalisedMembers {
  readonly kernel: Digest | undefined;
  readonly effects: Digest | undefined;
  readonly capture: CaptureRecord | undefined;
}

/**
 * Where the kernel layer, the effects or the counts are not what `toolcrib/kernel-raw.ndjson` comes to, one sentence each.
 * Only this version of the normaliser can say so; of another one nothing is said.
 */
export function rawProblems(replayed: ReplayedMembers, members: NormalisedMembers): readonly string[] {
  const { kernel, effects, capture } = members;
  if (capture?.normaliser?.version !== NORMALISER_VERSION) return [];
  return [
    ...(kernel === replayed.kernel ? [] : ['the kernel layer is not what the raw member comes to']),
    ...(effects === undefined || effects === replayed.effects
      ? []
      : ['the effects are not what the raw member comes to']),
    ...countProblems(capture.normaliser, replayed.counts),
  ];
}

/** Of what depends on the lines of the raw member alone. */
function countProblems(told: NonNullable<CaptureRecord['normaliser']>, replayed: NormaliserCounts): readonly string[] {
  const names = [
    'calls',
    'opens',
    'hidden',
    'non_ip_peers',
    'sends_without_peer',
    'endpoints',
    'unreadable',
    'blind_spots',
  ] as const;
  return names
    .filter((name) => JSON.stringify(told[name]) !== JSON.stringify(replayed[name]))
    .map((name) => `${name} of the capture are not what the raw member comes to`);
}
