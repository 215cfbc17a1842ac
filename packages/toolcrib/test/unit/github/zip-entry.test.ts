import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readZipEntries } from '../../../src/github/zip-entry.ts';
import { zipOf } from '../../servers/github/actions-state.ts';
import { failureOfAsync } from '../core/failure.ts';

const LIMITS = { maxEntries: 4, maxEntryBytes: 100_000 };

async function zipFile(bytes: Uint8Array): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'toolcrib-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'a.zip'), bytes);
  return join(folder, 'a.zip');
}

/** What is read of these names. */
async function read(
  path: string,
  names: readonly string[],
  limits = LIMITS,
): Promise<Readonly<Record<string, Buffer>>> {
  const found: Record<string, Buffer> = {};
  await readZipEntries(path, names, limits, async (name, bytes) => {
    const pieces: Uint8Array[] = [];
    for await (const piece of bytes) pieces.push(piece);
    found[name] = Buffer.concat(pieces);
  });
  return found;
}

const refusal = async (bytes: Uint8Array, names = ['a'], limits = LIMITS) => {
  const path = await zipFile(bytes);
  return await failureOfAsync(() => read(path, names, limits));
};

/** A ZIP with names that no library writes. */
async function oddZip(names: readonly string[]): Promise<Buffer> {
  const zip = await zipOf(Object.fromEntries(names.map((name, index) => [`${index}`.repeat(name.length), 'x'])));
  const headers = [
    ['PK\x03\x04', 30],
    ['PK\x01\x02', 46],
  ] as const;
  for (const [signature, offset] of headers) {
    let at = -1;
    for (const name of names) {
      at = zip.indexOf(signature, at + 1);
      zip.write(name, at + offset);
    }
  }
  return zip;
}

describe('the ZIP of an artifact', () => {
  test('gives out exactly the files that are asked for, as they went in', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 50_000 }), fc.uint8Array(), async (a, b) => {
        const path = await zipFile(await zipOf({ a, b, c: 'not asked for' }));
        expect(await read(path, ['b', 'a'])).toEqual({ a: Buffer.from(a), b: Buffer.from(b) });
      }),
      { numRuns: 20 },
    );
  });

  test('is refused with a word when it is cut off or changed anywhere, or gives out the very bytes', async () => {
    const whole = await zipOf({ a: Buffer.alloc(2000, 'abc') });
    const cut = await zipFile(whole);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.boolean(), async (at, isCut) => {
        const bytes = isCut ? whole.subarray(0, at) : Buffer.from(whole);
        if (!isCut) bytes.writeUInt8((bytes.readUInt8(at) + 1) % 256, at);
        await writeFile(cut, bytes);
        const result = await read(cut, ['a']).catch((error: unknown) => error);
        if (result instanceof Error) expect(result).toMatchObject({ name: 'IntegrityError' });
      }),
      { numRuns: 200 },
    );
  });

  test('may hold few entries, none larger than is allowed, also when it says otherwise', async () => {
    const many = await zipOf({ a: '', b: '', c: '', d: '', e: '' });
    expect(await refusal(many)).toMatchObject({ code: 'TOO_LARGE' });
    const bomb = await zipOf({ a: Buffer.alloc(200_000) });
    expect(await refusal(bomb)).toMatchObject({ code: 'TOO_LARGE' });
    // The directory at the end says 10 bytes where there are 200,000.
    const lying = Buffer.from(bomb);
    for (let at = lying.indexOf('PK\x01\x02'); at >= 0; at = lying.indexOf('PK\x01\x02', at + 1))
      lying.writeUInt32LE(10, at + 24);
    expect(await refusal(lying)).toMatchObject({ code: 'MALFORMED' });
  });

  test.each([
    [['b'], 'it has no a'],
    [['a', 'a'], 'it has a twice'],
    [['../a', 'a'], 'not the ZIP of an artifact'],
    [['/a', 'a'], 'not the ZIP of an artifact'],
    [[String.raw`..\a`, 'a'], 'not the ZIP of an artifact'],
  ])('with the names %j is refused: %s', async (names, words) => {
    const error = await refusal(await oddZip(names));
    expect({ code: error.code, told: error.message.includes(words) }).toEqual({ code: 'MALFORMED', told: true });
  });
});
