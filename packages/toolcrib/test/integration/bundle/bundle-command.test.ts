import { chmod, copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestHex, digestOf } from '../../../src/core/digest.ts';
import { registerBundle } from '../../../src/cli/commands/bundle.ts';
import { registerCache } from '../../../src/cli/commands/cache.ts';
import { registerResolve } from '../../../src/cli/commands/resolve.ts';
import { runCommand } from '../cli/in-process.ts';
import type { ScratchProject } from '../../unit/cli/scratch-project.ts';
import { releasedProject } from '../../unit/bundle/released-project.ts';

const [AMD64, ARM64] = ['tool-amd64-any-v1', 'tool-arm64-any-v1'];
const STORED = [AMD64, `${AMD64}.dsse.json`, ARM64, `${ARM64}.dsse.json`, 'tool-v1.SHA256SUMS', 'tool-v1.json'];

const COMMANDS = { bundle: registerBundle, cache: registerCache, resolve: registerResolve };

async function run({ folder }: Pick<ScratchProject, 'folder'>, ...args: readonly string[]) {
  const register = Object.entries(COMMANDS).find(([name]) => args.includes(name))?.[1];
  if (register === undefined) throw new Error('no such command');
  return await runCommand(register, folder, args);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return (await readdir(folder).catch(() => [])).sort();
}

/** Makes a bundle of a project and brings it to another checkout. */
async function carried(project: Awaited<ReturnType<typeof releasedProject>>, ...options: readonly string[]) {
  expect((await run(project, 'bundle', 'create', '-o', 'b.tar', ...options)).code).toBe(0);
  const other = await project.clone();
  await copyFile(join(project.folder, 'b.tar'), join(other.folder, 'b.tar'));
  return other;
}

/** Exchanges a byte of a file, where its bytes are those of a text or artifact. */
async function damage(path: string, within: Uint8Array): Promise<void> {
  const bytes = await readFile(path);
  const at = bytes.indexOf(within);
  if (at < 0) throw new Error('it is not there');
  bytes[at + 10] = (bytes[at + 10] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

describe('a bundle that was carried over an air gap', () => {
  test('makes a host without any store resolve, attestations included', async () => {
    await using project = await releasedProject();
    await using other = await carried(project);
    const without = await run(other, '--offline', 'resolve', '--target', 'arm64-any');
    expect(without).toMatchObject({ code: 7, document: { error: { code: 'OFFLINE' } } });
    const loaded = await run(other, '--offline', 'bundle', 'load', 'b.tar');
    expect(loaded).toMatchObject({
      code: 0,
      document: {
        anchor: 'pinned',
        artifacts: [
          { name: AMD64, attestation: 'verified', signer: `key ${project.signer.key.keyid}` },
          { name: ARM64, attestation: 'verified' },
        ],
        attestations: [{ outcome: 'created' }, { outcome: 'created' }],
        store: null,
      },
    });
    const { code, document } = await run(other, '--offline', 'resolve', '--target', 'arm64-any');
    expect({ code, document }).toMatchObject({ code: 0, document: { tier: 'cache', digest: project.sums.get(ARM64) } });
    const again = await run(other, '--offline', 'bundle', 'load', 'b.tar');
    expect(again).toMatchObject({ code: 0, document: { attestations: [{ outcome: 'same' }, { outcome: 'same' }] } });
    expect((await run(other, 'cache', 'verify')).code).toBe(0);
  });

  test('has the same bytes whenever it is made, and another store when it is loaded into one', async () => {
    await using project = await releasedProject();
    await using other = await carried(project);
    expect((await run(project, 'bundle', 'create', '-o', 'again.tar')).code).toBe(0);
    expect(await readFile(join(project.folder, 'again.tar'))).toEqual(await readFile(join(project.folder, 'b.tar')));
    const first = await run(other, 'bundle', 'load', 'b.tar', '--to', 'file:./mirror');
    expect(first).toMatchObject({ code: 0, document: { store: { store: 'file:./mirror', alreadyThere: false } } });
    expect(await namesIn(join(other.folder, 'mirror'))).toEqual([...STORED].sort());
    for (const name of STORED) {
      const [here, there] = [join(other.folder, 'mirror', name), join(project.folder, 'store', name)];
      expect(await readFile(here)).toEqual(await readFile(there));
    }
    const second = await run(other, 'bundle', 'load', 'b.tar', '--to', 'file:./mirror');
    expect(second).toMatchObject({ code: 0, document: { store: { alreadyThere: true } } });
  });

  test('goes into the cache but never into a store when nobody vouches for it', async () => {
    await using project = await releasedProject({ signed: false });
    await using other = await carried(project);
    await other.write('tool-version.txt', '2\n');
    await other.write('SHA256SUMS', '');
    expect(await run(other, 'bundle', 'load', 'b.tar')).toMatchObject({ code: 0, document: { anchor: 'none' } });
    const digests = [...project.sums.values()].map(digestHex).sort();
    expect(await namesIn(join(other.folder, 'cache/v1/blobs/sha256'))).toEqual(digests);
    const refused = await run(other, 'bundle', 'load', 'b.tar', '--to', 'file:./mirror');
    expect(refused).toMatchObject({ code: 5, document: { error: { code: 'NO_ANCHOR' } } });
    expect(await namesIn(join(other.folder, 'mirror'))).toEqual([]);
  });

  test('needs no pin where the policy trusts who signed every artifact', async () => {
    await using project = await releasedProject();
    await using other = await carried(project);
    await other.write('tool-version.txt', '2\n');
    await other.write('SHA256SUMS', '');
    const { code, document } = await run(other, 'bundle', 'load', 'b.tar', '--to', 'file:./mirror');
    expect({ code, document }).toMatchObject({ code: 0, document: { anchor: 'attested' } });
    expect(await namesIn(join(other.folder, 'mirror'))).toEqual([...STORED].sort());
  });

  test('lets nobody take a target away where no pin says which there are, unless fewer were asked for', async () => {
    await using project = await releasedProject();
    await using other = await carried(project);
    await other.write('tool-version.txt', '2\n');
    await other.write('SHA256SUMS', '');
    const config: unknown = JSON.parse(await readFile(join(other.folder, 'toolcrib.json'), 'utf8'));
    const targets = ['amd64-any', 'arm64-any', 'amd64-musl'];
    await other.write('toolcrib.json', JSON.stringify({ ...Object(config), targets }));
    const load = ['bundle', 'load', 'b.tar', '--to', 'file:./mirror'];
    const refused = await run(other, ...load);
    expect(refused).toMatchObject({ code: 3, document: { error: { details: { missing: ['amd64-musl'] } } } });
    expect(await namesIn(join(other.folder, 'mirror'))).toEqual([]);
    const partial = await run(other, ...load, '--partial');
    expect(partial).toMatchObject({ code: 0, document: { store: { missingTargets: ['amd64-musl'] } } });
    expect((await run(other, 'bundle', 'load', 'b.tar', '--partial')).code).toBe(2);
  });

  test('does not push out an attestation that verified by one that nobody looked at', async () => {
    await using project = await releasedProject();
    await using other = await carried(project);
    expect((await run(other, 'bundle', 'load', 'b.tar')).code).toBe(0);
    const kept = join(other.folder, 'cache/v1/attestations/sha256', digestHex(project.sums.get(AMD64) ?? digestOf('')));
    const verified = await readFile(join(kept, `${AMD64}.dsse.json`));
    await chmod(join(project.folder, 'store', `${AMD64}.dsse.json`), 0o644);
    await project.write(`store/${AMD64}.dsse.json`, '{}');
    await project.configure({ publicKeys: [] });
    expect((await run(project, 'bundle', 'create', '-o', 'b.tar')).code).toBe(0);
    for (const file of ['b.tar', 'toolcrib.json']) await copyFile(join(project.folder, file), join(other.folder, file));
    expect(await run(other, 'bundle', 'load', 'b.tar')).toMatchObject({
      code: 0,
      document: { attestations: [{ outcome: 'kept' }, { outcome: 'same' }] },
    });
    expect(await readFile(join(kept, `${AMD64}.dsse.json`))).toEqual(verified);
  });

  test('brings neither attestations nor a revocation list into a store where nobody can verify them', async () => {
    await using project = await releasedProject();
    await project.write('store/tool.revoked.json', '{}');
    await project.configure({ publicKeys: [] });
    await using other = await carried(project);
    const loaded = await run(other, 'bundle', 'load', 'b.tar', '--to', 'file:./mirror');
    const leftOut = [AMD64, ARM64].map((name) => ({ name: `${name}.dsse.json`, reason: 'unchecked' }));
    expect(loaded).toMatchObject({ code: 0, document: { store: { revocations: { outcome: 'unverified' }, leftOut } } });
    expect(await namesIn(join(other.folder, 'mirror'))).toEqual([AMD64, ARM64, 'tool-v1.SHA256SUMS', 'tool-v1.json']);
    const manifest: unknown = JSON.parse(await readFile(join(other.folder, 'mirror/tool-v1.json'), 'utf8'));
    expect(manifest).toMatchObject({ files: [{ attestation: null }, { attestation: null }] });
    const asking = ['bundle', 'load', 'b.tar', '--unverified-attestations'];
    expect((await run(other, ...asking)).code).toBe(2);
    const asked = await run(other, ...asking, '--to', 'file:./another');
    expect(asked).toMatchObject({ code: 0, document: { store: { revocations: { outcome: 'created' }, leftOut: [] } } });
    expect(await namesIn(join(other.folder, 'another'))).toEqual([...STORED, 'tool.revoked.json'].sort());
  });

  test('tells of a store whose list of revoked releases is older than its own', async () => {
    await using project = await releasedProject();
    await project.write('store/tool.revoked.json', await project.revoke(8, 9));
    await using other = await carried(project);
    await other.write('mirror/tool.revoked.json', await project.revoke(8));
    const loaded = await run(other, 'bundle', 'load', 'b.tar', '--to', 'file:./mirror');
    const replacement = `${join(other.folder, 'b.tar')}: tool.revoked.json`;
    expect(loaded).toMatchObject({
      code: 5,
      document: { store: { revocations: { outcome: 'outdated', missing: ['v9'], replacement } } },
    });
    expect(await namesIn(join(other.folder, 'mirror'))).toEqual([...STORED, 'tool.revoked.json'].sort());
  });

  test('may hold some targets, which a store does not take', async () => {
    await using project = await releasedProject();
    await using other = await carried(project, '--target', 'amd64-any');
    expect(await run(other, 'bundle', 'load', 'b.tar')).toMatchObject({
      code: 0,
      document: { artifacts: [{ name: AMD64 }] },
    });
    const refused = await run(other, 'bundle', 'load', 'b.tar', '--to', 'file:./mirror');
    expect(refused).toMatchObject({ code: 3, document: { error: { details: { missing: [ARM64] } } } });
    expect(await namesIn(join(other.folder, 'mirror'))).toEqual([]);
  });
});

describe('a bundle is refused, and nothing of it is kept', () => {
  test('when the project pins other digests', async () => {
    await using project = await releasedProject();
    await using other = await carried(project);
    await other.write('SHA256SUMS', `${'0'.repeat(64)}  ${AMD64}\n${'1'.repeat(64)}  ${ARM64}\n`);
    const refused = await run(other, 'bundle', 'load', 'b.tar');
    expect(refused).toMatchObject({ code: 4, document: { error: { code: 'DIGEST_MISMATCH' } } });
    expect(await namesIn(join(other.folder, 'cache/v1/blobs/sha256'))).toEqual([]);
  });

  test('when an artifact in it is damaged, also one that the cache has already', async () => {
    await using project = await releasedProject();
    await using other = await carried(project);
    const artifact = await readFile(join(project.folder, 'store', ARM64));
    expect((await run(other, 'bundle', 'load', 'b.tar')).code).toBe(0);
    await damage(join(other.folder, 'b.tar'), artifact);
    const { code, document } = await run(other, 'bundle', 'load', 'b.tar');
    expect({ code, document }).toMatchObject({ code: 4, document: { error: { code: 'DIGEST_MISMATCH' } } });
    expect(JSON.stringify(document)).toContain(`${ARM64} in ${other.folder}/b.tar`);
    await using third = await project.clone();
    await copyFile(join(other.folder, 'b.tar'), join(third.folder, 'b.tar'));
    expect((await run(third, 'bundle', 'load', 'b.tar')).code).toBe(4);
    const kept = await namesIn(join(third.folder, 'cache/v1/blobs/sha256'));
    expect(kept).not.toContain(digestHex(digestOf(artifact)));
  });

  test('when it is cut off', async () => {
    await using project = await releasedProject();
    await using other = await carried(project);
    const whole = await readFile(join(project.folder, 'b.tar'));
    await other.write('b.tar', whole.subarray(0, whole.byteLength - 2000));
    const refused = await run(other, 'bundle', 'load', 'b.tar');
    expect(refused).toMatchObject({ code: 4, document: { error: { code: 'MALFORMED' } } });
    expect(await namesIn(join(other.folder, 'cache'))).toEqual([]);
  });

  test('when an attestation is missing that is required, untrusted, or wrong', async () => {
    await using unsigned = await releasedProject({ signed: false });
    await using signed = await releasedProject();
    await using bare = await carried(unsigned);
    await unsigned.configure({ require: true });
    await copyFile(join(unsigned.folder, 'toolcrib.json'), join(bare.folder, 'toolcrib.json'));
    expect(await run(bare, 'bundle', 'load', 'b.tar')).toMatchObject({
      code: 5,
      document: { error: { code: 'ATTESTATION_MISSING' } },
    });
    await using strange = await carried(signed);
    await copyFile(join(unsigned.folder, 'release.pub'), join(strange.folder, 'release.pub'));
    expect(await run(strange, 'bundle', 'load', 'b.tar')).toMatchObject({
      code: 5,
      document: { error: { code: 'ATTESTATION_UNTRUSTED' } },
    });
    await using forged = await releasedProject();
    const [envelope, artifact] = [join(forged.folder, 'store', `${AMD64}.dsse.json`), `${ARM64}.dsse.json`];
    const swapped = await readFile(join(forged.folder, 'store', artifact));
    await forged.configure({ publicKeys: [] });
    await chmod(envelope, 0o644);
    await writeFile(envelope, swapped);
    await using wrong = await carried(forged);
    await forged.configure({ require: false });
    await copyFile(join(forged.folder, 'toolcrib.json'), join(wrong.folder, 'toolcrib.json'));
    expect(await run(wrong, 'bundle', 'load', 'b.tar')).toMatchObject({
      code: 5,
      document: { error: { code: 'ATTESTATION_WRONG' } },
    });
    expect(await namesIn(join(wrong.folder, 'cache/v1/attestations/sha256'))).toEqual([]);
  });

  test('when it, or the project, brings a signed list that revokes the release', async () => {
    await using project = await releasedProject();
    await using other = await carried(project);
    await using brought = await project.clone();
    await other.write('tool.revoked.json', await project.revoke(1));
    const refused = { code: 5, document: { error: { code: 'REVOKED' } } };
    expect(await run(other, 'bundle', 'load', 'b.tar')).toMatchObject(refused);
    await project.write('store/tool.revoked.json', await project.revoke(1));
    expect(await run(project, 'bundle', 'create', '-o', 'c.tar')).toMatchObject(refused);
    await project.configure({ publicKeys: [] });
    expect((await run(project, 'bundle', 'create', '-o', 'c.tar')).code).toBe(0);
    await copyFile(join(project.folder, 'c.tar'), join(brought.folder, 'c.tar'));
    expect(await run(brought, 'bundle', 'load', 'c.tar')).toMatchObject(refused);
    expect(await namesIn(join(brought.folder, 'cache/v1/blobs/sha256'))).toEqual([]);
  });
});

describe('a trusted root in a bundle', () => {
  const root = '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}';

  test('counts only where its digest is configured', async () => {
    await using project = await releasedProject();
    await project.write('root.json', root);
    const created = await run(project, 'bundle', 'create', '-o', 'b.tar', '--trusted-root', 'root.json');
    expect(created).toMatchObject({ code: 0, document: { trustedRootDigest: digestOf(root) } });
    await using other = await carried(project, '--trusted-root', 'root.json');
    const kept = join(other.folder, 'cache/v1/trusted-roots');
    expect(await run(other, 'bundle', 'load', 'b.tar')).toMatchObject({
      code: 0,
      document: { trustedRoot: 'ignored' },
    });
    expect(await namesIn(kept)).toEqual([]);
    await project.configure({ trustedRootDigest: digestOf(root) });
    await copyFile(join(project.folder, 'toolcrib.json'), join(other.folder, 'toolcrib.json'));
    expect(await run(other, 'bundle', 'load', 'b.tar')).toMatchObject({ code: 0, document: { trustedRoot: 'kept' } });
    expect(await namesIn(kept)).toEqual([`${digestHex(digestOf(root))}.json`]);
    expect((await run(other, 'cache', 'verify')).code).toBe(0);
  });

  test('is not taken along when the project expects another', async () => {
    await using project = await releasedProject();
    await project.write('root.json', root);
    await project.configure({ trustedRootDigest: digestOf('another') });
    const refused = await run(project, 'bundle', 'create', '-o', 'b.tar', '--trusted-root', 'root.json');
    expect(refused).toMatchObject({ code: 2, document: { error: { code: 'USAGE' } } });
    expect(await namesIn(project.folder)).not.toContain('b.tar');
  });
});

describe('a bundle is made', () => {
  test('of a version that the project does not pin, by what a store says of it: consistent, not pinned', async () => {
    await using project = await releasedProject({ signed: false });
    await project.write('tool-version.txt', '2\n');
    await project.write('SHA256SUMS', '');
    const created = await run(project, 'bundle', 'create', '-o', 'b.tar', '--version', '1');
    expect(created).toMatchObject({ code: 0, document: { version: 1, anchor: 'none', complete: true } });
    const unknown = await run(project, 'bundle', 'create', '-o', 'c.tar', '--version', '9');
    expect(unknown).toMatchObject({ code: 3, document: { error: { code: 'NOT_FOUND' } } });
    const twice = await run(project, 'bundle', 'create', '-o', 'c.tar', '--version', '1', '--version', '2');
    expect(twice.code).toBe(2);
    expect(await namesIn(project.folder)).not.toContain('c.tar');
  });

  test('without any store from what lies in the binaries folder, with a manifest of its own', async () => {
    await using project = await releasedProject({ signed: false });
    const program = await readFile('/bin/true');
    await project.write('binaries/tool-amd64-v1', program);
    await project.write('SHA256SUMS', `${digestHex(digestOf(program))}  tool-amd64-v1\n`);
    await project.write('toolcrib.json', JSON.stringify({ tool: 'tool', targets: ['amd64'] }));
    const created = await run(project, '--offline', 'bundle', 'create', '-o', 'b.tar');
    expect(created).toMatchObject({
      code: 0,
      document: { files: ['tool-amd64-v1', 'tool-v1.SHA256SUMS', 'tool-v1.json'] },
    });
    const loaded = await run(project, 'bundle', 'load', 'b.tar', '--to', 'file:./mirror');
    expect(loaded).toMatchObject({ code: 0, document: { anchor: 'pinned', store: { alreadyThere: false } } });
    const manifest: unknown = JSON.parse(await readFile(join(project.folder, 'mirror/tool-v1.json'), 'utf8'));
    expect(manifest).toMatchObject({ source: { commit: null }, files: [{ size: program.byteLength }] });
  });

  test('from no bytes that are not what is pinned', async () => {
    await using project = await releasedProject({ signed: false });
    await project.write('binaries/tool-amd64-any-v1', 'something else');
    const refused = await run(project, 'bundle', 'create', '-o', 'b.tar');
    expect(refused).toMatchObject({ code: 4, document: { error: { code: 'DIGEST_MISMATCH' } } });
    expect(await namesIn(project.folder)).not.toContain('b.tar');
  });
});
