import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openBundle, readArtifacts } from '../../../src/bundle/read-bundle.ts';
import type { BundleContent, OpenedBundle } from '../../../src/bundle/bundle-content.ts';
import { digestHex, digestOf } from '../../../src/core/digest.ts';
import { ToolcribError } from '../../../src/core/errors.ts';
import { readTar } from '../../../src/tar/read.ts';
import { writeTar, type TarEntry } from '../../../src/tar/write.ts';
import { onePiece } from '../../../src/core/one-piece.ts';
import { allBytes, createScratch, type Scratch } from '../disk/scratch.ts';
import { bundleBytes, sampleContent } from './sample-bundle.ts';

const content = sampleContent();
const [amd64] = content.artifacts;
if (amd64 === undefined) throw new Error('the sample has no artifact');

async function place(scratch: Scratch, bytes: Uint8Array): Promise<string> {
  const path = join(scratch.path, 'bundle.tar');
  await writeFile(path, bytes);
  return path;
}

/** Everything that a bundle yields, read to its end. */
async function unbundle(path: string): Promise<{ bundle: OpenedBundle; artifacts: Map<string, Buffer> }> {
  const bundle = await openBundle(path);
  const artifacts = new Map<string, Buffer>();
  for await (const { file, bytes } of readArtifacts(path, bundle)) artifacts.set(file.name, await allBytes(bytes));
  return { bundle, artifacts };
}

/** The members of a bundle, to be changed. */
async function membersOf(of: BundleContent): Promise<TarEntry[]> {
  const members: TarEntry[] = [];
  const limits = { maxEntries: 1000, maxEntryBytes: 1e9, maxTotalBytes: 1e9 };
  for await (const { path, kind, mode, bytes } of readTar(onePiece(await bundleBytes(of)), limits)) {
    if (kind !== 'file' && kind !== 'directory') throw new Error(`${path} is a ${kind}`);
    members.push(kind === 'file' ? { path, kind, mode, bytes: await allBytes(bytes) } : { path, kind, mode });
  }
  return members;
}

async function refusal(scratch: Scratch, members: readonly TarEntry[]): Promise<ToolcribError> {
  const path = await place(scratch, await allBytes(writeTar(members)));
  const failure: unknown = await unbundle(path).catch((error: unknown) => error);
  if (failure instanceof ToolcribError) return failure;
  throw new Error('the bundle was read, or failed for no reason of its own', { cause: failure });
}

describe('a bundle', () => {
  test('is read as it was written', async () => {
    await using scratch = await createScratch();
    const { bundle, artifacts } = await unbundle(await place(scratch, await bundleBytes(content)));
    expect(bundle).toMatchObject({ tool: 'tool', version: 1 });
    expect(artifacts).toEqual(new Map(content.artifacts.map(({ name, bytes }) => [name, bytes])));
    expect(bundle.files).toEqual(new Map(content.files.map(({ name, bytes }) => [name, bytes])));
  });

  test('has the same bytes each time, whatever the order of what goes into it', async () => {
    const { artifacts, files } = content;
    const other = { ...content, artifacts: [...artifacts].reverse(), files: [...files].reverse() };
    expect((await bundleBytes(other)).equals(await bundleBytes(content))).toBe(true);
  });

  test('may hold some targets of a release', async () => {
    await using scratch = await createScratch();
    const some = { ...content, artifacts: [amd64], files: content.files.filter(({ name }) => !name.includes('arm64')) };
    const { artifacts } = await unbundle(await place(scratch, await bundleBytes(some)));
    expect([...artifacts.keys()]).toEqual([amd64.name]);
  });

  test('is a tar that GNU tar unpacks to files whose digests are their names', async () => {
    await using scratch = await createScratch();
    const path = await place(scratch, await bundleBytes(content));
    execFileSync('tar', ['-xf', path, '-C', scratch.path]);
    const sums = execFileSync('sh', ['-c', 'cd blobs/sha256 && sha256sum *'], { cwd: scratch.path }).toString();
    for (const line of sums.trim().split('\n')) expect(line.slice(0, 64)).toBe(line.slice(66));
    expect(sums).toContain(digestHex(amd64.digest));
  });
});

describe('what is no bundle is refused as damaged', () => {
  test('when it is cut off anywhere', async () => {
    await using scratch = await createScratch();
    const whole = await bundleBytes(content);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.byteLength - 1), async (length) => {
        const path = await place(scratch, whole.subarray(0, length));
        await expect(openBundle(path)).rejects.toMatchObject({ code: 'MALFORMED' });
      }),
      { numRuns: 60 },
    );
  });

  test('when a byte is changed: what comes out has the digest that it is named for, or nothing comes out', async () => {
    await using scratch = await createScratch();
    const whole = await bundleBytes(content);
    const known = new Map(content.artifacts.map(({ name, digest }) => [name, digest]));
    const files = new Map(content.files.map(({ name, bytes }) => [name, Buffer.from(bytes)]));
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.byteLength - 1), fc.integer({ min: 1, max: 255 }), async (place_, flip) => {
        const bytes = Buffer.from(whole);
        bytes[place_] = (bytes[place_] ?? 0) ^ flip;
        const read = await unbundle(await place(scratch, bytes)).catch((error: unknown) => error);
        if (read instanceof ToolcribError) {
          expect(['MALFORMED', 'DIGEST_MISMATCH', 'SIZE_MISMATCH', 'TOO_LARGE']).toContain(read.code);
          return;
        }
        const { artifacts, bundle } = read as Awaited<ReturnType<typeof unbundle>>;
        for (const [name, content_] of artifacts) expect(digestOf(content_)).toBe(known.get(name));
        expect(bundle.files).toEqual(files);
      }),
      { numRuns: 120 },
    );
  });

  test('when a member is gone, whichever it is', async () => {
    await using scratch = await createScratch();
    const members = await membersOf(content);
    for (const gone of members.filter(({ kind }) => kind === 'file')) {
      const failure = await refusal(
        scratch,
        members.filter((member) => member !== gone),
      );
      expect(failure.code).toBe('MALFORMED');
      expect(failure.message).toContain(gone.path);
    }
  });

  test('when the bytes of a blob are others, however right its size is', async () => {
    await using scratch = await createScratch();
    const members = await membersOf(content);
    for (const changed of members.filter(({ path }) => path.startsWith('blobs/sha256/'))) {
      const bytes = Buffer.from(changed.bytes instanceof Uint8Array ? changed.bytes : []);
      bytes[bytes.byteLength - 1] = (bytes.at(-1) ?? 0) ^ 1;
      const failure = await refusal(
        scratch,
        members.map((member) => (member === changed ? { ...member, bytes } : member)),
      );
      expect(failure.code).toBe('DIGEST_MISMATCH');
    }
  });

  test.each<[string, TarEntry, string]>([
    ['a blob that nothing refers to', blobOf('stray'), 'nothing refers to'],
    ['a file beside the layout', { path: 'README', kind: 'file', mode: 0o644 }, 'is no member of a bundle'],
    ['a blob with another name', { path: 'blobs/sha256/abc', kind: 'file', mode: 0o644 }, 'is no member of a bundle'],
    ['a directory', { path: 'blobs/sha512', kind: 'directory', mode: 0o755 }, 'is a directory'],
    [
      'a link',
      { path: `blobs/sha256/${'a'.repeat(64)}`, kind: 'link', mode: 0o777, linkTarget: '/etc/passwd' },
      'a link',
    ],
  ])('when there is %s', async (_, member, message) => {
    await using scratch = await createScratch();
    const failure = await refusal(scratch, [...(await membersOf(content)), member]);
    expect(failure.code).toBe('MALFORMED');
    expect(failure.message).toContain(message);
  });

  test('when a member is there twice', async () => {
    await using scratch = await createScratch();
    const members = await membersOf(content);
    const failure = await refusal(scratch, [...members, ...members.slice(-1)]);
    expect(failure.message).toContain('is there twice');
  });

  test('when its stored sums tell other digests than its artifacts have', async () => {
    await using scratch = await createScratch();
    const other = sampleContent({ bytes: 2000 });
    const lie = { ...content, files: [...other.files.slice(0, 2), ...content.files.slice(2)] };
    const path = await place(scratch, await bundleBytes(lie));
    await expect(openBundle(path)).rejects.toThrow('is not what its stored sums say');
  });

  test('when its manifest contradicts its stored sums, or there are no stored sums', async () => {
    await using scratch = await createScratch();
    const other = sampleContent({ bytes: 2000 });
    const [sums, , ...rest] = content.files;
    const [, manifest] = other.files;
    if (sums === undefined || manifest === undefined) throw new Error('the sample is not what it was');
    const lie = await place(scratch, await bundleBytes({ ...content, files: [sums, manifest, ...rest] }));
    await expect(openBundle(lie)).rejects.toThrow('contradicts the stored sums');
    const nothing = await place(scratch, await bundleBytes({ ...content, files: content.files.slice(1) }));
    await expect(openBundle(nothing)).rejects.toThrow('it has no tool-v1.SHA256SUMS');
  });

  test('when an attestation hangs on another artifact than it is named for', async () => {
    await using scratch = await createScratch();
    const members = await membersOf(content);
    const manifestOf = (title: string) => {
      const found = members.find(
        ({ path, bytes }) =>
          path !== 'index.json' && textOf(bytes).includes(`"config"`) && textOf(bytes).includes(`"${title}"`),
      );
      if (found === undefined) throw new Error(`nothing describes ${title}`);
      return found;
    };
    const [first, second] = content.artifacts.map(({ name }) => manifestOf(name).path.slice(-64));
    const attestation = manifestOf(`${amd64.name}.dsse.json`);
    const edited = exchange(members, attestation, textOf(attestation.bytes).replace(first ?? '', second ?? ''));
    const failure = await refusal(scratch, edited);
    expect(failure.message).toContain('is not the artifact that it is named for');
  });

  test('when its layout is of something else than one release', async () => {
    await using scratch = await createScratch();
    const members = await membersOf(content);
    const index = members.find(({ path }) => path === 'index.json');
    const none = members.map((member) =>
      member === index ? { ...member, bytes: Buffer.from('{"schemaVersion":2,"manifests":[]}') } : member,
    );
    expect((await refusal(scratch, none)).message).toContain('index.json is not that of a bundle');
    const image = members.map((member) =>
      member === index
        ? { ...member, bytes: Buffer.from(textOf(member.bytes).replace(/index(?=.v1\+json","digest)/, 'manifest')) }
        : member,
    );
    expect((await refusal(scratch, image)).hint).toContain('skopeo copy');
  });

  test('when it is empty, a text, or a tar of something else', async () => {
    await using scratch = await createScratch();
    for (const bytes of [Buffer.alloc(0), Buffer.from('hello'), Buffer.alloc(10240), Buffer.alloc(2_000_000, 'x')]) {
      await expect(openBundle(await place(scratch, bytes))).rejects.toMatchObject({ code: 'MALFORMED' });
    }
    await expect(openBundle(join(scratch.path, 'none'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

function textOf(bytes: TarEntry['bytes']): string {
  return bytes instanceof Uint8Array ? Buffer.from(bytes).toString('latin1') : '';
}

/** The members with another text in one blob, and with everything that refers to it, however far, made to fit. */
function exchange(members: readonly TarEntry[], blob: TarEntry, text: string): TarEntry[] {
  const bytes = Buffer.from(text, 'latin1');
  const [before, after] = [blob.path.slice(-64), digestHex(digestOf(bytes))];
  let changed = members.map((each) => (each === blob ? { ...each, path: `blobs/sha256/${after}`, bytes } : each));
  for (const other of changed.filter((each) => textOf(each.bytes).includes(before))) {
    const edited = textOf(other.bytes).replaceAll(before, after);
    if (other.path.startsWith('blobs/')) changed = exchange(changed, other, edited);
    else changed = changed.map((each) => (each === other ? { ...each, bytes: Buffer.from(edited) } : each));
  }
  return changed;
}

function blobOf(text: string): TarEntry {
  const bytes = Buffer.from(text);
  return { path: `blobs/sha256/${digestHex(digestOf(bytes))}`, kind: 'file', mode: 0o644, bytes };
}
