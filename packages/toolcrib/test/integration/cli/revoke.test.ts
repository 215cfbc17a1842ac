import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { verifyRevocations } from '../../../src/attestations/revocations.ts';
import { createHost } from '../../../src/flows/host.ts';
import { openRevocations } from '../../../src/flows/open-revocations.ts';
import { documentOf, toolcrib } from './command-line.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { failureOf } from '../../unit/core/failure.ts';
import { createKey, policyOf, SUBJECT, type TestKey } from '../../unit/attestations/samples.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const LIST = 'sandbox-tools.revoked.json';

/** A project that trusts one key, and holds its private half, which no project should. */
async function createProject(): Promise<ScratchProject & { readonly key: TestKey }> {
  const key = createKey();
  const project = await scratchProject({
    'toolcrib.json': {
      tool: 'sandbox-tools',
      targets: ['amd64-any'],
      stores: ['file:releases', 's3://tool-bucket/tools?region=eu-west-1', 'https://tools.example.com/base'],
      attestation: { publicKeys: ['key.pub.pem'] },
    },
    'tool-version.txt': '2\n',
    'key.pub.pem': key.key.export({ type: 'spki', format: 'pem' }).toString(),
  });
  await writeFile(join(project.folder, 'key.pem'), key.privateKey.export({ type: 'pkcs8', format: 'pem' }), {
    mode: 0o600,
  });
  return { ...project, key, [Symbol.asyncDispose]: () => project[Symbol.asyncDispose]() };
}

const revoke = (project: ScratchProject, ...args: readonly string[]) =>
  toolcrib(['revoke', '--key', 'key.pem', '--reason', 'it leaks', ...args], { cwd: project.folder });

const listOf = async ({ folder, key }: { folder: string; key: TestKey }) =>
  verifyRevocations(await readFile(join(folder, LIST)), { where: LIST, tool: 'sandbox-tools', keys: [key] }).list;

describe.concurrent('toolcrib revoke', () => {
  test('writes a list that the project believes, and tells what to do with it', async () => {
    await using project = await createProject();
    const end = await revoke(project, '--version', '2', '--digest', DIGEST);
    expect([end.code, end.stderr]).toEqual([0, '']);
    const path = join(project.folder, LIST);
    for (const words of [
      `${path} revokes of sandbox-tools now:`,
      'version 2: it leaks',
      `${DIGEST}: it leaks`,
      `git add ${path}`,
      `cp ${path} ${project.folder}/releases/`,
      `aws s3 cp ${path} s3://tool-bucket/tools/${LIST} --region eu-west-1\n`,
      'https://tools.example.com/base: on its server, put sandbox-tools.revoked.json into the folder that it serves',
    ]) {
      expect(end.stdout).toContain(words);
    }
    const host = createHost({ env: {}, cacheDirectory: join(project.folder, 'cache') });
    const attestation = policyOf({ publicKeys: [join(project.folder, 'key.pub.pem')] });
    const known = await openRevocations({ tool: 'sandbox-tools', attestation, revocationFile: path }, host);
    expect(failureOf(() => known.refuse(SUBJECT)).code).toBe('REVOKED');
    known.refuse({ ...SUBJECT, name: 'sandbox-tools-amd64-any-v3' });
  });

  test('keeps what is revoked, and writes nothing when nothing is new', async () => {
    await using project = await createProject();
    await revoke(project, '--version', '1');
    const first = await listOf(project);
    const second = await revoke(project, '--digest', DIGEST, '--version', '1', '--version', '3');
    expect(second.code).toBe(0);
    const { issued, ...list } = await listOf(project);
    expect(list).toEqual({
      tool: 'sandbox-tools',
      versions: [
        { version: 1, reason: 'it leaks' },
        { version: 3, reason: 'it leaks' },
      ],
      digests: [{ digest: DIGEST, reason: 'it leaks' }],
    });
    expect(issued > first.issued).toBe(true);
    const before = await stat(join(project.folder, LIST));
    const third = await toolcrib(['--json', 'revoke', '--key', 'key.pem', '--reason', 'other', '--version', '3'], {
      cwd: project.folder,
    });
    expect(documentOf(third)).toMatchObject({ changed: false, versions: list.versions });
    expect((await stat(join(project.folder, LIST))).ino).toBe(before.ino);
  });

  test('extends no list that it cannot believe', async () => {
    await using project = await createProject();
    await revoke(project, '--version', '1');
    const text = (await readFile(join(project.folder, LIST), 'utf8')).replace(/"sig":".{4}/, '"sig":"AAAA');
    await project.write(LIST, text);
    const end = await revoke(project, '--version', '2');
    expect([end.code, await readFile(join(project.folder, LIST), 'utf8')]).toEqual([5, text]);
  });

  test('signs with no key that the project does not trust', async () => {
    await using project = await createProject();
    const stranger = createKey().privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    await project.write('key.pem', stranger); // over the other one, whose rights it keeps
    const end = await revoke(project, '--version', '2');
    expect([end.code, end.stderr]).toEqual([2, expect.stringContaining('is not in "attestation.publicKeys"')]);
    await expect(stat(join(project.folder, LIST))).rejects.toThrow('ENOENT');
  });

  test.each([
    [[], 'there is nothing to revoke'],
    [['--version', '0'], '--version takes a whole number from 1 on'],
    [['--version', '1.5'], '--version takes a whole number from 1 on'],
    [['--version', '9007199254740993'], '--version takes a whole number from 1 on'],
    [['--digest', 'abc'], 'not a digest: "abc"'],
    [['--version', '2', '--reason', ' '], 'a reason has from 1 to 1000 characters'],
    [['--version', '2', '--key', 'none.pem'], 'none.pem'],
  ])('refuses %j', async (args, words) => {
    await using project = await createProject();
    const end = await revoke(project, ...args);
    expect([[2, 3].includes(end.code ?? 0), end.stderr]).toEqual([true, expect.stringContaining(words)]);
  });

  test('needs a project', async () => {
    await using folder = await scratchProject({});
    const end = await toolcrib(['revoke', '--key', 'k', '--reason', 'x', '--version', '1'], { cwd: folder.folder });
    expect([end.code, end.stderr]).toEqual([2, expect.stringContaining('revoke needs a toolcrib.json')]);
  });
});
