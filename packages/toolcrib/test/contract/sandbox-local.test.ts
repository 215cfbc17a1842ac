import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLocalSandbox } from '../../src/sandboxes/local/local-sandbox.ts';
import { requireOrSkip } from '../servers/require.ts';
import { bubblewrapMissing, unpackRoot } from '../servers/root-directory.ts';
import { describeSandboxContract } from './sandbox-contract.ts';

describeSandboxContract({
  name: 'a local directory',
  requirement: requireOrSkip(undefined),
  open: async (signal) => {
    const directory = await mkdtemp(join(tmpdir(), 'local-sandbox-'));
    const env = { PATH: process.env['PATH'], HOME: directory };
    const sandbox = await openLocalSandbox(directory, { env, ...(signal && { signal }) });
    return { sandbox, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) };
  },
});

describeSandboxContract({
  name: 'a local root file system with bubblewrap',
  requirement: requireOrSkip(await bubblewrapMissing()),
  open: async (signal) => {
    const directory = await unpackRoot('toolcrib-test/busybox');
    const sandbox = await openLocalSandbox(directory, { env: process.env, ...(signal && { signal }) });
    return { sandbox, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) };
  },
});
