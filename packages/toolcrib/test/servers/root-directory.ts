import { execFile } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DOCKER, docker, dockerAvailable, type TestImage } from './docker.ts';

const run = promisify(execFile);

/** Why tests with bubblewrap cannot run here, or `undefined` when they can. */
export async function bubblewrapMissing(): Promise<string | undefined> {
  try {
    await run('bwrap', ['--unshare-all', '--unshare-user', '--bind', '/', '/', '/bin/true']);
  } catch {
    return 'bubblewrap is not installed, or may not make namespaces (scripts/setup installs it)';
  }
  return await dockerAvailable('toolcrib-test/busybox');
}

/** The root file system of an image in a fresh directory of this machine, which the caller removes. */
export async function unpackRoot(image: TestImage): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'root-'));
  const container = await docker('create', '--network', 'none', image, 'true');
  try {
    await run('sh', ['-c', '"$0" export "$1" | tar -x -C "$2"', DOCKER, container, directory]);
    return directory;
  } finally {
    await docker('rm', '--force', container);
  }
}
