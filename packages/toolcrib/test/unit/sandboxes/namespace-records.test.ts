import fc from 'fast-check';
import { expect, test } from 'vitest';
import { helperFailure } from '../../../src/sandboxes/docker/namespace/helper-failure.ts';
import { deviceFrom } from '../../../src/core/mount-table.ts';
import { devicesOf } from '../../../src/sandboxes/docker/namespace/mounts.ts';
import { closedReason } from '../../../src/sandboxes/docker/namespace/namespace.ts';
import { formatRecord, readRecord, type HelperRecord } from '../../../src/sandboxes/docker/namespace/records.ts';
import { createByteReader } from '../../../src/tar/byte-reader.ts';

const u32 = fc.nat({ max: 0xffffffff });
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const record: fc.Arbitrary<HelperRecord> = fc.record({
  kind: fc.constantFrom('opened', 'go', 'directory', 'file', 'link', 'other', 'nothing', 'end'),
  mode: u32,
  uid: u32,
  size: fc.maxSafeNat(),
  device: u64,
  inode: u64,
  mount: u64,
  fileSystem: u64,
  mountFlags: u32,
  path: fc.string({ unit: 'grapheme', maxLength: 200 }),
});

/** A stream that comes in pieces of that size. */
function inPieces(bytes: Uint8Array, size: number) {
  return createByteReader(
    (async function* () {
      for (let at = 0; at < bytes.byteLength; at += size) {
        await Promise.resolve();
        yield bytes.subarray(at, at + size);
      }
    })(),
  );
}

test('records of the namespace helper are read as they were written, in whatever pieces they come', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(record, { maxLength: 4 }), fc.integer({ min: 1, max: 100 }), async (records, size) => {
      const source = inPieces(Buffer.concat(records.map(formatRecord)), size);
      for (const one of records) expect(await readRecord(source)).toEqual(one);
      expect(await readRecord(source)).toBeUndefined();
    }),
  );
});

test('bytes that are no record are refused, and never read further than one could be', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
      const read = readRecord(inPieces(bytes, 50)).then(
        (one) => one?.path.length ?? 0,
        (error: unknown) => error,
      );
      const outcome = await read;
      if (typeof outcome !== 'number') expect(outcome).toMatchObject({ code: 'NOT_INJECTABLE' });
    }),
  );
  const cut = formatRecord({ kind: 'file', path: 'bin/tool' }).subarray(0, -1);
  await expect(readRecord(inPieces(cut, 10))).rejects.toThrow('none of its records');
});

test.each([
  ['write 28\n', 'could not write: no space left on device (ENOSPC)'],
  ['open 18\n', 'could not open what stands in the way: cross-device link not permitted (EXDEV)'],
  ['open 38\n', 'could not open what stands in the way: this kernel is older than Linux 5.8'],
  ['overlay 19\n', 'could not make an overlay of the directory of this host: no such device (ENODEV)'],
  ['mount 1\n', 'could not mount the directory of this host: operation not permitted (EPERM)'],
  ['changed 0\n', 'found that somebody else changed what it wrote or read'],
  ['', 'ended with SIGKILL'],
  ['constructor 1\n', 'ended with SIGKILL'],
  ['write 28', 'ended with SIGKILL'],
])('what the helper says, %j, becomes words', (line, words) => {
  expect(helperFailure(line, 'ended with SIGKILL').message).toBe(`the namespace helper ${words}`);
});

test.each([
  [{ platform: 'linux', uid: 0, address: 'unix:///var/run/docker.sock' }, undefined],
  [{ platform: 'linux', uid: 1000, address: 'unix:///run/user/1000/podman.sock' }, 'toolcrib does not run as root'],
  [{ platform: 'linux', uid: 0, address: 'tcp://127.0.0.1:2376' }, 'the engine is not on this machine'],
  [{ platform: 'linux', uid: 0, address: 'ssh://root@host' }, 'the engine is not on this machine'],
  [{ platform: 'darwin', uid: 501, address: 'unix:///var/run/docker.sock' }, 'does not run on Linux'],
  [{ platform: 'win32', uid: undefined, address: 'npipe:////./pipe/docker_engine' }, 'does not run on Linux'],
])('a mount namespace is closed for a reason that is said: %j', (circumstances, reason) => {
  const said = closedReason(circumstances);
  if (reason === undefined) expect(said).toBeUndefined();
  else expect(said).toContain(reason);
});

test('devices are the same, whether the C library or the kernel tells their numbers', () => {
  const major = fc.bigInt({ min: 0n, max: 0xfffffn });
  const minor = fc.bigInt({ min: 0n, max: 0xfffffn });
  fc.assert(
    fc.property(major, minor, (one, other) => {
      const high = ((one & 0xfffff000n) << 32n) | ((other & 0xffffff00n) << 12n);
      const line = `36 35 ${one}:${other} / /somewhere rw - tmpfs tmpfs rw`;
      const device = deviceFrom(high | ((one & 0xfffn) << 8n) | (other & 0xffn));
      expect(device).toBe((one << 32n) | other);
      expect(devicesOf(`no line\n${line}\n`)).toEqual(new Set([device]));
    }),
  );
});
