import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import { silentReporter } from '../../../src/core/reporter.ts';
import { parseTarget } from '../../../src/core/target.ts';
import type { InjectableArtifact } from '../../../src/inject/artifact.ts';
import type { Injection } from '../../../src/inject/injection.ts';
import { mountPathOf } from '../../../src/inject/mounted-path.ts';
import { recordMountedEntry } from '../../../src/inject/mounted-record.ts';
import { findMounted } from '../../../src/inject/mounted.ts';
import { openLocalSandbox } from '../../../src/sandboxes/local/local-sandbox.ts';
import { createScratch } from '../disk/scratch.ts';

const digest = digestOf('artifact');
const artifact: InjectableArtifact = {
  tool: 'tool',
  version: 1,
  target: parseTarget('amd64-any'),
  digest,
  descriptor: { entrypoint: ['bin/tool'], healthcheck: ['healthcheck'] },
  tar: {
    size: 1,
    digest,
    files: [{ path: 'bin/tool', mode: 0o755, size: 1, digest }],
    open: () => {
      throw new Error('nothing is copied');
    },
    readAt: () => Promise.reject(new Error('nothing is copied')),
  },
};

test('a mount that was proven is proven again when the first process of its sandbox left the users that the engine tells', async () => {
  await using scratch = await createScratch();
  const path = mountPathOf(artifact);
  await mkdir(join(scratch.path, 'root', path), { recursive: true, mode: 0o755 });
  const local = await openLocalSandbox(join(scratch.path, 'root'), { env: {} });
  const mount = { path, kind: 'bind', writable: false, executable: true, source: '/srv/tree' } as const;
  const sandbox = { ...local, identity: { ...local.identity, mounts: [mount] } };
  const ledger = join(scratch.path, 'ledger');
  const why = 'the engine mounted it read-only';
  const entry = { directory: path, why, protection: 'read-only-mount', readBack: 'engine', provenAt: 1 } as const;
  await recordMountedEntry(ledger, sandbox.identity, digest, entry);
  const injection: Injection = {
    ...{
      sandbox,
      artifact,
      ledger,
      install: [],
      clock: { now: () => 2, elapsed: () => 0, sleep: () => Promise.resolve() },
    },
    ...{ random: (size: number) => randomBytes(size), reporter: silentReporter },
  };
  expect(await findMounted(injection)).toMatchObject({ protection: 'read-only-mount', reused: true, provenAt: 1 });
  // The directory is empty: proving it again fails, so that it is not used.
  expect(await findMounted({ ...injection, sandbox: { ...sandbox, rootOwner: undefined } })).toBe(undefined);
});
