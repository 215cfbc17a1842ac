import { rmdirSync } from 'node:fs';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  isAttestationName,
  MAX_ATTESTATION_BYTES,
  readAttestations,
  saveAttestations,
} from '../../../src/cache/attestation-files.ts';
import { digestHex, digestOf } from '../../../src/core/digest.ts';
import { createScratch } from '../disk/scratch.ts';
import { openTestCache } from './open-test-cache.ts';

const digest = digestOf('an artifact');
const name = 'tool-amd64-any-v1.dsse.json';
const first = { name, bytes: Buffer.from('{"first":1}') };
const second = { name, bytes: Buffer.from('{"second":2}') };
const now = Date.now();

function folderIn(cache: string): string {
  return join(cache, 'v1', 'attestations', 'sha256', digestHex(digest));
}

test('attestations that were kept are read again, by the digest of their artifact, and the cache is in order', async () => {
  await using scratch = await createScratch();
  const other = { name: 'tool-amd64-any-v1.sigstore.json', bytes: Buffer.from('{}') };
  expect(await saveAttestations(scratch.path, digest, [other, first], { now })).toEqual([
    { name: other.name, outcome: 'created' },
    { name, outcome: 'created' },
  ]);
  expect(await readAttestations(scratch.path, digest)).toEqual([first, other]);
  expect(await readAttestations(scratch.path, digestOf('another artifact'))).toEqual([]);
  expect(await openTestCache(scratch.path).cache.verify()).toEqual([]);
});

test('keeping the same attestation again changes nothing', async () => {
  await using scratch = await createScratch();
  await saveAttestations(scratch.path, digest, [first], { now });
  expect(await saveAttestations(scratch.path, digest, [first], { now })).toEqual([{ name, outcome: 'same' }]);
});

test('another attestation of the same name does not push out the one that is there, unless it was verified', async () => {
  await using scratch = await createScratch();
  await saveAttestations(scratch.path, digest, [first], { now });
  expect(await saveAttestations(scratch.path, digest, [second], { now })).toEqual([{ name, outcome: 'kept' }]);
  expect(await readAttestations(scratch.path, digest)).toEqual([first]);
  expect(await saveAttestations(scratch.path, digest, [second], { now, replace: true })).toEqual([
    { name, outcome: 'replaced' },
  ]);
  expect(await readAttestations(scratch.path, digest)).toEqual([second]);
});

test('a name that leads elsewhere and a file that is too large are refused before anything is written', async () => {
  await using scratch = await createScratch();
  const cache = join(scratch.path, 'cache');
  const names = ['../../evil.dsse.json', 'tool-amd64-any-v1', 'tool-amd64-any-v1-dev.dsse.json', '.dsse.json', ''];
  for (const wrong of names) {
    await expect(saveAttestations(cache, digest, [first, { ...first, name: wrong }], { now })).rejects.toMatchObject({
      code: 'MALFORMED',
    });
  }
  const large = { name, bytes: new Uint8Array(MAX_ATTESTATION_BYTES + 1) };
  await expect(saveAttestations(cache, digest, [large], { now })).rejects.toMatchObject({ code: 'TOO_LARGE' });
  expect(await readdir(scratch.path)).toEqual([]);
});

test('no name of an attestation leads out of its directory', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[./a-z0-9-]{0,30}(?:\.sigstore\.json|\.dsse\.json)?$/), (text) => {
      if (isAttestationName(text)) expect(text).not.toMatch(/[/\\]|^\./);
    }),
  );
});

test('what stands there but is no kept attestation is passed over, and the audit of the cache tells it', async () => {
  await using scratch = await createScratch();
  const folder = folderIn(scratch.path);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'README'), 'hello');
  await writeFile(join(folder, 'large-amd64-any-v1.dsse.json'), new Uint8Array(MAX_ATTESTATION_BYTES + 1));
  await writeFile(join(scratch.path, 'secret'), 'x');
  await symlink(join(scratch.path, 'secret'), join(folder, name));
  await mkdir(join(folder, '..', 'abc'));
  expect(await readAttestations(scratch.path, digest)).toEqual([]);
  const findings = await openTestCache(scratch.path).cache.verify();
  expect(findings.map(({ path, kind }) => [path.slice(folder.length - 64), kind])).toEqual([
    [`${digestHex(digest)}/README`, 'foreign'],
    [`${digestHex(digest)}/large-amd64-any-v1.dsse.json`, 'corrupt'],
    [`${digestHex(digest)}/${name}`, 'foreign'],
    ['abc', 'foreign'],
  ]);
});

test('an attestation takes the place of what is no file that was kept', async () => {
  await using scratch = await createScratch();
  const folder = folderIn(scratch.path);
  await mkdir(folder, { recursive: true });
  await writeFile(join(scratch.path, 'elsewhere'), 'untouched');
  await symlink(join(scratch.path, 'elsewhere'), join(folder, name));
  expect(await saveAttestations(scratch.path, digest, [first], { now })).toEqual([{ name, outcome: 'replaced' }]);
  expect(await readAttestations(scratch.path, digest)).toEqual([first]);
  expect(await readFile(join(scratch.path, 'elsewhere'), 'utf8')).toBe('untouched');
});

test('attestations are kept although a collection takes their directory away while it is empty', async () => {
  await using scratch = await createScratch();
  let read = 0;
  const file = {
    name,
    get bytes() {
      // For its size, then to write it: the directory is there and has nothing in it.
      if (++read === 2) rmdirSync(folderIn(scratch.path));
      return first.bytes;
    },
  };
  expect(await saveAttestations(scratch.path, digest, [file], { now })).toEqual([{ name, outcome: 'created' }]);
  expect(await readAttestations(scratch.path, digest)).toEqual([first]);
});
