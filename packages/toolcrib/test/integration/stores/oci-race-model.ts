import { digestOf, type Digest } from '../../../src/core/digest.ts';
import {
  claimVersion,
  completeRelease,
  type ClaimNote,
  type IndexNote,
  type ReleaseTags,
} from '../../../src/stores/oci/race.ts';

/** What tells a publisher's bytes from another's. */
export type Name = 'a' | 'b' | 'c';
type Outcome = 'complete' | 'lost';

export const sumsOf = (name: Name): Digest => digestOf(`sums of ${name}`);
const indexOf = (name: Name): Digest => digestOf(`index of ${name}`);
const OWNERS = new Map((['a', 'b', 'c'] as const).map((name) => [indexOf(name), sumsOf(name)]));

/** What the registry holds under the two tags. */
interface Registers {
  index: IndexNote | undefined;
  claim: ClaimNote | undefined;
}

/** A publisher that stands before its next request to the registry, or has ended. */
interface Publisher {
  /** The answers it got, which determine where it stands. */
  history: string;
  /** Makes the request that it stands before. */
  pending: (() => void) | undefined;
  outcome: Outcome | undefined;
}

/** Lets a publisher run up to its first request. */
function start(name: Name, registers: Registers): Publisher {
  const publisher: Publisher = { history: '', pending: undefined, outcome: undefined };
  const request = <T>(act: () => T): Promise<T> =>
    new Promise((resolve) => {
      publisher.pending = () => {
        const answer = act();
        publisher.history += `${noted(answer)};`;
        publisher.pending = undefined;
        resolve(answer);
      };
    });
  const tags: ReleaseTags = {
    readIndex: () => request(() => registers.index),
    readClaim: () => request(() => registers.claim),
    writeClaim: (claim) =>
      request(() => {
        registers.claim = claim;
      }),
    writeIndex: (index) =>
      request(() => {
        registers.index = { index, sums: OWNERS.get(index) };
      }),
  };
  void publish(tags, name).then((outcome) => {
    publisher.outcome = outcome;
  });
  return publisher;
}

/** As publish/publish-release.ts does it: who reads back the claim of another stops. */
async function publish(tags: ReleaseTags, name: Name): Promise<Outcome> {
  await claimVersion(tags, sumsOf(name));
  const claimed = (await tags.readIndex())?.sums ?? (await tags.readClaim())?.sums;
  if (claimed !== sumsOf(name)) return 'lost';
  return await completeRelease(tags, {
    sums: sumsOf(name),
    pushIndex: () => Promise.resolve(indexOf(name)),
  });
}

function noted(answer: unknown): string {
  return answer === undefined ? '-' : JSON.stringify(answer);
}

/** What happens next: a publisher makes its request, or is killed and starts again. */
interface Move {
  readonly publisher: number;
  readonly kind: 'request' | 'restart';
}

/** A state of the world. */
export interface World {
  readonly registers: Registers;
  /** What publishers said at their end, also before they were started again. */
  readonly winners: ReadonlySet<Name>;
  readonly restarts: number;
}

interface LiveWorld extends World {
  readonly publishers: readonly Publisher[];
}

async function replay(names: readonly Name[], moves: readonly Move[]): Promise<LiveWorld> {
  const registers: Registers = { index: undefined, claim: undefined };
  const publishers = names.map((name) => start(name, registers));
  const winners = new Set<Name>();
  let restarts = 0;
  await settled(publishers);
  for (const { publisher, kind } of moves) {
    const name = names[publisher];
    if (name === undefined) throw new Error(`there is no publisher ${publisher}`);
    if (kind === 'request') publishers[publisher]?.pending?.();
    else publishers[publisher] = start(name, registers);
    restarts += kind === 'restart' ? 1 : 0;
    await settled(publishers);
    if (publishers[publisher]?.outcome === 'complete') winners.add(name);
  }
  return { registers, winners, restarts, publishers };
}

/** A publisher needs nothing but microtasks to come to its next request. */
async function settled(publishers: readonly Publisher[]): Promise<void> {
  while (publishers.some(({ pending, outcome }) => pending === undefined && outcome === undefined))
    await Promise.resolve();
}

/** Lets publishers make their requests in one order: each choice picks the next among those that still stand. */
export async function walk(names: readonly Name[], choices: readonly number[]): Promise<World> {
  const registers: Registers = { index: undefined, claim: undefined };
  const publishers = names.map((name) => start(name, registers));
  const standing = (): readonly Publisher[] => publishers.filter(({ pending }) => pending !== undefined);
  await settled(publishers);
  for (let made = 0; standing().length > 0; made += 1) {
    const among = standing();
    among[(choices[made % choices.length] ?? 0) % among.length]?.pending?.();
    await settled(publishers);
  }
  const winners = names.filter((_name, index) => publishers[index]?.outcome === 'complete');
  return { registers, winners: new Set(winners), restarts: 0 };
}

/** What can happen from here is the same for worlds of the same state. */
function stateOf({ registers, winners, restarts, publishers }: LiveWorld): string {
  const standings = publishers.map(({ history, outcome }) => `${history} ${outcome ?? ''}`);
  return noted([registers, [...winners].sort(), restarts, standings]);
}

/**
 * Lets publishers make their requests in every possible order.
 * @param maxRestarts how often any of them is killed, at every point, and starts again.
 * @returns every state in which all have ended, and how many there were in all.
 */
export async function explore(
  names: readonly Name[],
  maxRestarts: number,
): Promise<{ readonly states: number; readonly ends: readonly World[] }> {
  const seen = new Set<string>();
  const ends: World[] = [];
  const open: Move[][] = [[]];
  for (let moves = open.pop(); moves !== undefined; moves = open.pop()) {
    const world = await replay(names, moves);
    const state = stateOf(world);
    if (seen.has(state)) continue;
    seen.add(state);
    const standing = world.publishers.flatMap(({ pending }, publisher) => (pending === undefined ? [] : [publisher]));
    if (standing.length === 0) ends.push(world);
    for (const publisher of standing) open.push([...moves, { publisher, kind: 'request' }]);
    if (world.restarts >= maxRestarts) continue;
    for (const publisher of names.keys()) open.push([...moves, { publisher, kind: 'restart' }]);
  }
  return { states: seen.size, ends };
}
