import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { requireOrSkip } from '../../servers/require.ts';
import { releasedProject } from '../../unit/bundle/released-project.ts';
import { cliEnvironment, documentOf, startCli, toolcrib, TOOLCRIB } from '../cli/command-line.ts';
import { programsMissing } from '../build/samples.ts';

const run = promisify(execFile);

/** A folder of its own, gone at the end of its `await using` scope. */
async function scratch(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'toolcrib-bundle-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

async function create(project: { readonly folder: string }, ...options: readonly string[]): Promise<string> {
  const end = await toolcrib(['bundle', 'create', '-o', 'b.tar', ...options], { cwd: project.folder });
  expect(end, end.stderr).toMatchObject({ code: 0 });
  return join(project.folder, 'b.tar');
}

describe('a bundle and programs that know nothing of toolcrib', requireOrSkip(await programsMissing('skopeo')), () => {
  test('skopeo inspects it, and copies one platform of it: the artifact', async () => {
    await using project = await releasedProject();
    await using folder = await scratch();
    const bundle = await create(project);
    const inspected: unknown = JSON.parse((await run('skopeo', ['inspect', `oci-archive:${bundle}`])).stdout);
    expect(inspected).toMatchObject({ Os: 'linux', Layers: [expect.stringMatching(/^sha256:/)] });
    const arm64 = ['--override-arch', 'arm64', 'copy', `oci-archive:${bundle}`, `dir:${folder.path}`];
    await run('skopeo', arm64);
    const digest = project.sums.get('tool-arm64-any-v1') ?? '';
    const layer = await readFile(join(folder.path, digest.slice('sha256:'.length)));
    expect(layer).toEqual(await readFile(join(project.folder, 'store', 'tool-arm64-any-v1')));
  });

  test('what skopeo copied as a whole, and packed again, is a bundle still', async () => {
    await using project = await releasedProject();
    await using other = await project.clone();
    const bundle = await create(project);
    const layout = `oci:${join(other.folder, 'layout')}:v1`;
    await run('skopeo', ['copy', '--all', `oci-archive:${bundle}`, layout]);
    await run('skopeo', ['copy', '--all', layout, `oci-archive:${join(other.folder, 'again.tar')}`]);
    const end = await toolcrib(['--json', 'bundle', 'load', 'again.tar'], { cwd: other.folder });
    expect(documentOf(end)).toMatchObject({ anchor: 'pinned', artifacts: [{ attestation: 'verified' }, {}] });
    await run('skopeo', ['copy', `oci-archive:${bundle}`, `oci-archive:${join(other.folder, 'one.tar')}`]);
    const one = await toolcrib(['bundle', 'load', 'one.tar'], { cwd: other.folder });
    expect(one).toMatchObject({ code: 4 });
    expect(one.stderr).toContain('--all');
  });
});

describe('with the network taken away', requireOrSkip(await programsMissing('unshare')), () => {
  test('a bundle is loaded, and its release is resolved although an attestation is required', async () => {
    await using project = await releasedProject();
    await using other = await project.clone();
    await copyFile(await create(project), join(other.folder, 'b.tar'));
    const options = { cwd: other.folder, env: cliEnvironment(other.folder) };
    const cut = (...args: readonly string[]) => run('unshare', ['-n', ...TOOLCRIB, ...args], options);
    await cut('bundle', 'load', 'b.tar');
    const { stdout } = await cut('--offline', '--json', 'resolve', '--target', 'amd64-any');
    const resolved: unknown = JSON.parse(stdout);
    expect(resolved).toMatchObject({ tier: 'cache', attestation: { status: 'verified' } });
  });
});

describe('a bundle that is interrupted', () => {
  test('while it is made leaves the one that was there, or the new one, never a part', async () => {
    await using project = await releasedProject({ bytes: 6_000_000 });
    const bundle = await create(project);
    const whole = await readFile(bundle);
    for (let ms = 0; ms < 6; ms += 1) {
      const started = startCli(['bundle', 'create', '-o', 'b.tar'], { cwd: project.folder });
      const timer = setTimeout(() => started.process.kill('SIGKILL'), 150 + ms * 60);
      await started.end;
      clearTimeout(timer);
      expect((await readFile(bundle)).equals(whole)).toBe(true);
    }
    expect((await readFile(await create(project))).equals(whole)).toBe(true);
    const left = (await readdir(project.folder)).filter((name) => name.endsWith('.tmp'));
    expect(left).toEqual([]);
  });

  test('while it is loaded leaves a cache that is in order, and a repetition completes it', async () => {
    await using project = await releasedProject({ bytes: 6_000_000 });
    const bundle = await create(project);
    for (let ms = 0; ms < 6; ms += 1) {
      await using other = await project.clone();
      await copyFile(bundle, join(other.folder, 'b.tar'));
      const { folder: cwd } = other;
      const started = startCli(['bundle', 'load', 'b.tar', '--to', 'file:./mirror'], { cwd });
      const timer = setTimeout(() => started.process.kill('SIGKILL'), 150 + ms * 60);
      await started.end;
      clearTimeout(timer);
      const found = documentOf(await toolcrib(['--json', 'cache', 'verify'], { cwd }));
      const findings = (found as { findings: readonly { kind: string }[] }).findings.map(({ kind }) => kind);
      expect(findings.filter((kind) => kind !== 'leftover')).toEqual([]);
      const again = await toolcrib(['--json', 'bundle', 'load', 'b.tar', '--to', 'file:./mirror'], { cwd });
      expect(again).toMatchObject({ code: 0 });
      await run('sha256sum', ['-c', 'tool-v1.SHA256SUMS'], { cwd: join(cwd, 'mirror') });
      expect(await toolcrib(['cache', 'verify'], { cwd })).toMatchObject({ code: 0 });
    }
  });
});

test('neither making nor loading a bundle holds artifacts in memory', async () => {
  const peakOf = async (bytes: number): Promise<readonly number[]> => {
    await using project = await releasedProject({ bytes, signed: false });
    await using other = await project.clone();
    const peaks: number[] = [];
    const measured = async (cwd: string, ...args: readonly string[]) => {
      const file = join(project.folder, 'peak');
      const preload = fileURLToPath(new URL('peak-memory.mjs', import.meta.url));
      const env = { NODE_OPTIONS: `--import=${preload}`, PEAK_MEMORY_FILE: file };
      expect(await toolcrib(args, { cwd, env })).toMatchObject({ code: 0 });
      peaks.push(Number(await readFile(file, 'utf8')));
    };
    await measured(project.folder, 'bundle', 'create', '-o', 'b.tar');
    await copyFile(join(project.folder, 'b.tar'), join(other.folder, 'b.tar'));
    await measured(other.folder, 'bundle', 'load', 'b.tar', '--to', 'file:./mirror');
    return peaks;
  };
  const [small, large] = [await peakOf(1000), await peakOf(100_000_000)];
  // In KiB. Both artifacts together have 200,000; what streaming costs does not depend on that.
  for (const [index, peak] of large.entries()) expect(peak - (small[index] ?? 0)).toBeLessThan(140_000);
});
