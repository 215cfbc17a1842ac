import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readTufTrustedRoot } from '../../../src/attestations/tuf-trusted-root.ts';
import { createTufKey, startTufRepository, type TufRepository } from '../../servers/tuf.ts';
import { failureOfAsync } from '../../unit/core/failure.ts';
import { createScratch } from '../../unit/disk/scratch.ts';

const ROOT = Buffer.from('{"certificateAuthorities":["of this test"]}');
const NEWER = Buffer.from('{"certificateAuthorities":["of this test, a year later"]}');

const read = async (directory: string, { mirror }: Pick<TufRepository, 'mirror'>, offline = false): Promise<string> =>
  Buffer.from(await readTufTrustedRoot({ directory, offline, mirror })).toString();

/** The one file of that name below what TUF keeps. */
async function keptFile(directory: string, name: string): Promise<string> {
  const [folder = ''] = await readdir(directory);
  return join(directory, folder, name);
}

describe('the trusted root through TUF', () => {
  test('is fetched once, and is there offline afterwards', async () => {
    await using scratch = await createScratch();
    const directory = join(scratch.path, 'tuf');
    await using repository = await startTufRepository({ target: ROOT });
    expect(await read(directory, repository)).toBe(ROOT.toString());
    const asked = repository.asked();
    expect(asked.filter((path) => path.startsWith('/targets/'))).toHaveLength(1);
    expect(await read(directory, repository)).toBe(ROOT.toString());
    expect(repository.asked()).toEqual(asked); // what is kept has not expired
    expect(await read(directory, repository, true)).toBe(ROOT.toString());
    expect(repository.asked()).toEqual(asked);
  });

  test('is not there offline before it was fetched', async () => {
    await using scratch = await createScratch();
    await using repository = await startTufRepository({ target: ROOT });
    const error = await failureOfAsync(() => read(join(scratch.path, 'tuf'), repository, true));
    expect([error.code, error.hint, repository.asked()]).toEqual([
      'OFFLINE',
      expect.stringContaining('trustedRoot'),
      [],
    ]);
    const ofPublic = { directory: join(scratch.path, 'tuf'), offline: true };
    expect((await failureOfAsync(() => readTufTrustedRoot(ofPublic))).code).toBe('OFFLINE');
  });

  test('offline is refused when it is not the file that its list of targets names', async () => {
    await using scratch = await createScratch();
    const directory = join(scratch.path, 'tuf');
    await using repository = await startTufRepository({ target: ROOT });
    await read(directory, repository);
    for (const name of ['targets/trusted_root.json', 'targets.json']) {
      const path = await keptFile(directory, name);
      const whole = await readFile(path);
      await writeFile(path, NEWER);
      expect((await failureOfAsync(() => read(directory, repository, true))).code).toBe('OFFLINE');
      await writeFile(path, whole.subarray(1));
      expect((await failureOfAsync(() => read(directory, repository, true))).code).toBe('OFFLINE');
      await writeFile(path, whole);
    }
    expect(await read(directory, repository, true)).toBe(ROOT.toString());
  });

  test('is verified from the first root on each time: what somebody put into the cache does not count', async () => {
    await using scratch = await createScratch();
    const directory = join(scratch.path, 'tuf');
    await using repository = await startTufRepository({ target: ROOT });
    await read(directory, repository);
    await using forger = await startTufRepository({ target: NEWER });
    await writeFile(await keptFile(directory, 'root.json'), await readFile(forger.mirror.root));
    await writeFile(await keptFile(directory, 'targets/trusted_root.json'), NEWER);
    expect(await read(directory, repository)).toBe(ROOT.toString());
    const posing = { mirror: { url: forger.mirror.url, root: repository.mirror.root } };
    expect((await failureOfAsync(() => read(directory, posing))).code).toBe('UNREACHABLE');
  });

  test('is not what the repository serves when that is not what it signed', async () => {
    await using scratch = await createScratch();
    await using repository = await startTufRepository({ target: ROOT, served: NEWER });
    const error = await failureOfAsync(() => read(join(scratch.path, 'tuf'), repository));
    expect(error.code).toBe('UNREACHABLE');
    await using expired = await startTufRepository({ target: ROOT, hoursLeft: -1 });
    expect((await failureOfAsync(() => read(join(scratch.path, 'other'), expired))).message).toMatch(/expired/i);
  });

  test('is fetched anew when what is kept has expired, also with broken files in the cache', async () => {
    await using scratch = await createScratch();
    const directory = join(scratch.path, 'tuf');
    const key = createTufKey();
    await using repository = await startTufRepository({ target: ROOT, key });
    await read(directory, repository);
    for (const name of ['timestamp.json', 'snapshot.json', 'targets.json', 'root.json', 'targets/trusted_root.json']) {
      await writeFile(await keptFile(directory, name), 'broken');
      expect(await read(directory, repository)).toBe(ROOT.toString());
    }
  });

  test('fails when nobody answers, and ends with the reason of who aborts it', async () => {
    await using scratch = await createScratch();
    await using repository = await startTufRepository({ target: ROOT });
    const gone = { mirror: { ...repository.mirror, url: 'http://127.0.0.1:9' } };
    const error = await failureOfAsync(() => read(join(scratch.path, 'tuf'), gone));
    expect([error.code, error.message]).toEqual(['UNREACHABLE', expect.stringContaining('http://127.0.0.1:9')]);
    const reason = new Error('enough');
    const options = { directory: join(scratch.path, 'tuf'), offline: false, mirror: gone.mirror };
    await expect(readTufTrustedRoot({ ...options, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const abort = new AbortController();
    const reading = readTufTrustedRoot({ ...options, signal: abort.signal });
    abort.abort(reason);
    await expect(reading).rejects.toBe(reason);
  });
});
