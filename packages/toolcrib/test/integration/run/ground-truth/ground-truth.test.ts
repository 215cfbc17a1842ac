import { beforeAll, describe, expect, test } from 'vitest';
import { observerMissing, openObserver } from '../../../contract/run/open-observer.ts';
import { requireOrSkip } from '../../../servers/require.ts';
import { programsMissing } from '../../build/samples.ts';
import { compareWorkload, type Comparison } from './compare.ts';
import { countFacts, moreIn } from './fact.ts';
import { factsOfPlainStrace } from './plain-strace.ts';
import { documentWith, readDocument, writeDocument, type TableRow } from './table.ts';
import { prepareWorkload, type Workload } from './workload.ts';
import { WORKLOADS } from './workloads.ts';

const missing =
  (process.arch === 'x64' ? undefined : 'the workload of 32-bit calls is for an amd64 machine') ??
  (process.getuid?.() === 0 ? undefined : 'only root can load the kernel tracer and leave a cgroup') ??
  (await programsMissing('gcc', 'git', 'npm', '/usr/bin/python3')) ??
  (await observerMissing('strace')) ??
  (await observerMissing('tracer'));

/** Writes the table instead of comparing it. */
const writes = process.env['TOOLCRIB_WRITE_GROUND_TRUTH'] === '1';

/** What came of a workload under both observers. */
interface Outcome {
  /** Calls that plain strace told. */
  readonly count: number;
  readonly strace: Comparison;
  readonly tracer: Comparison;
}

async function runWorkload(workload: Workload): Promise<Outcome> {
  await using prepared = await prepareWorkload(workload);
  await prepared.reset();
  const truth = await factsOfPlainStrace(prepared);
  const compare = async (name: 'strace' | 'tracer') => {
    await prepared.reset();
    return await compareWorkload(workload, prepared, await openObserver(name, {}), truth);
  };
  return { count: truth.length, strace: await compare('strace'), tracer: await compare('tracer') };
}

function inWords({ missed, invented, unaccounted, losses, isBlindSpotTold }: Comparison, workload: Workload): string {
  const isExact = missed.length === 0 && invented.length === 0 && unaccounted === 0 && losses === 0;
  if (!isExact) return `${missed.length} missed, ${invented.length} invented, ${losses} counted as lost`;
  if (workload.blindSpot === undefined) return 'all, and nothing else';
  return isBlindSpotTold ? `all, and \`${workload.blindSpot}\` as a blind spot` : 'all, and no blind spot told';
}

describe('ground truth', requireOrSkip(missing), () => {
  const outcomes = new Map<Workload, Promise<Outcome>>();

  beforeAll(async () => {
    // One after the other: they share ports and a cgroup, and two cores.
    for (const workload of WORKLOADS) {
      const outcome = runWorkload(workload);
      outcomes.set(workload, outcome);
      await outcome.catch(() => undefined);
    }
  });

  describe.each([
    ['strace with a filter', 'strace'],
    ['the kernel tracer', 'tracer'],
  ] as const)('%s', (_name, observer) => {
    test.each(WORKLOADS.map((workload) => [workload.name, workload] as const))(
      'tells of %s every open, connect, send and exec that plain strace tells, and nothing else',
      async (_workload, workload) => {
        const outcome = await outcomes.get(workload);
        const losses = observer === 'strace' ? (workload.lostByStrace ?? 0) : 0;
        expect(outcome?.[observer].missed.slice(losses)).toEqual([]);
        expect(outcome?.[observer]).toMatchObject({
          invented: [],
          unaccounted: 0,
          losses,
          isBlindSpotTold: workload.blindSpot !== undefined,
        });
      },
    );
  });

  test('was compared on thousands of calls', async () => {
    const counts = await Promise.all([...outcomes.values()].map(async (outcome) => (await outcome).count));
    expect(counts).toHaveLength(WORKLOADS.length);
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(counts.reduce((all, count) => all + count, 0)).toBeGreaterThan(5000);
  });

  test('comes out as docs/ground-truth.md says; TOOLCRIB_WRITE_GROUND_TRUTH=1 writes what came out', async () => {
    const rows: TableRow[] = [];
    for (const [workload, outcome] of outcomes) {
      const { strace, tracer } = await outcome;
      const { name, tries } = workload;
      rows.push({ name, tries, ptrace: inWords(strace, workload), ebpf: inWords(tracer, workload) });
    }
    const document = await readDocument();
    const expected = await documentWith(rows, document);
    if (writes) await writeDocument(expected);
    else expect(document, 'run this test with TOOLCRIB_WRITE_GROUND_TRUTH=1 and look at the difference').toBe(expected);
  });
});

test('a call that is told twice or not at all is found by the comparison', () => {
  const [one, two] = [countFacts(['a', 'a', 'b 17'], {}), countFacts(['a', 'b 18'], {})];
  expect([moreIn(one, two), moreIn(two, one)]).toEqual([['1 × a', '1 × b 17'], ['1 × b 18']]);
  const differs = [[/\d+/g, 'N']] as const;
  expect(moreIn(countFacts(['b 17'], { differs }), countFacts(['b 18'], { differs }))).toEqual([]);
  expect(countFacts(['a', 'b'], { varies: [/a/] })).toEqual(new Map([['b', 1]]));
});
