import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dockerAvailable } from '../../servers/docker.ts';
import { podmanAvailable } from '../../servers/podman.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { bubblewrapMissing } from '../../servers/root-directory.ts';
import { programsMissing } from '../build/samples.ts';
import { makeContents } from './contents.ts';
import type { Outcome } from './outcome.ts';
import { runTarget } from './run-target.ts';
import { documentWith, readDocument, writeDocument } from './table.ts';
import { TARGETS } from './targets.ts';
import type { Contents, HardTarget } from './target.ts';

const missing =
  (process.arch === 'x64' ? undefined : 'the table is that of an amd64 machine') ??
  (process.getuid?.() === 0 ? undefined : 'only root can start another Docker Engine') ??
  (await programsMissing('gcc', 'apt-get', 'dpkg-deb', 'npm')) ??
  (await dockerAvailable(
    'toolcrib-test/busybox',
    'toolcrib-test/static',
    'toolcrib-test/debian',
    'toolcrib-test/musl',
    'toolcrib-test/arm64',
    'toolcrib-test/old-glibc',
  )) ??
  (await podmanAvailable('rootful')) ??
  (await podmanAvailable('rootless')) ??
  (await bubblewrapMissing());

/** At the same time: a target waits for its engine most of the time. */
const WORKERS = 4;

/** Writes the table instead of comparing it. */
const writes = process.env['TOOLCRIB_WRITE_HARD_TARGETS'] === '1';

describe('hard targets', requireOrSkip(missing), () => {
  let contents: Contents;
  const ended = new Map<HardTarget, Promise<Outcome>>();

  beforeAll(async () => {
    contents = await makeContents();
    const waiting = [...TARGETS];
    const work = async () => {
      for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
        const outcome = runTarget(target, contents);
        ended.set(target, outcome);
        await outcome.catch(() => undefined);
      }
    };
    await Promise.all(Array.from({ length: WORKERS }, work));
  });
  afterAll(() => contents[Symbol.asyncDispose]());

  test.each(TARGETS.map((target) => [target.name, target.content, target] as const))(
    '%s: placing %s ends with a proof, or with the reason why not',
    async (_name, _content, target) => {
      await expect(ended.get(target)).resolves.toMatchObject({
        result: expect.stringMatching(/proven|refused \(8\): ./) as string,
      });
    },
  );

  test('come out as docs/hard-targets.md says; TOOLCRIB_WRITE_HARD_TARGETS=1 writes what came out', async () => {
    const outcomes = await Promise.all(ended.values());
    const document = await readDocument();
    const expected = await documentWith(outcomes, document);
    if (writes) await writeDocument(expected);
    else expect(document, 'run this test with TOOLCRIB_WRITE_HARD_TARGETS=1 and look at the difference').toBe(expected);
  });
});
