import { closeSync, openSync, readSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compareVersions } from '../../../src/core/elf-versions.ts';
import { parseElf, type Elf } from '../../../src/core/elf.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { run, TOOLCHAIN } from './samples.ts';

const missing = await run('readelf', ['--version']).then(
  () => undefined,
  () => 'readelf is not installed (scripts/setup installs binutils with gcc)',
);

function elfOf(path: string): Elf {
  const file = openSync(path, 'r');
  try {
    return parseElf((offset, length) => {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readSync(file, bytes, 0, length, offset));
    });
  } finally {
    closeSync(file);
  }
}

/** Executables and libraries of this machine, and the compilers of other architectures and libraries. */
async function samples(): Promise<readonly string[]> {
  const folders = ['/usr/bin', `/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`];
  const found = await Promise.all(
    folders.map(async (folder) => {
      const entries = await readdir(folder, { withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).map(({ name }) => join(folder, name));
    }),
  );
  const compilers = (await readdir(TOOLCHAIN).catch(() => [])).filter((name) => name.startsWith('oven-bun-'));
  return [
    ...found.flatMap((paths) => paths.slice(0, 60)),
    ...compilers.map((name) => join(TOOLCHAIN, name)),
    process.execPath,
  ];
}

test('ELF files are read as readelf reads them', requireOrSkip(missing), async () => {
  let compared = 0;
  for (const path of await samples()) {
    const answer = await run('readelf', ['-W', '-l', '-d', '-V', path], { maxBuffer: 1e8 }).catch(() => undefined);
    if (answer === undefined || !answer.stdout.includes('Program Headers:')) continue;
    const { stdout } = answer;
    const needed = [...stdout.matchAll(/\(NEEDED\) +Shared library: \[(.*)\]/g)].map((match) => match[1]);
    const versions = (stdout.split('Version needs section')[1] ?? '').matchAll(/Name: GLIBC_([0-9.]+) /g);
    const floor = [...versions]
      .map((match) => match[1] ?? '')
      .sort(compareVersions)
      .at(-1);
    const elf = elfOf(path);
    expect({ path, needed: elf.needed, interpreter: elf.interpreter, floor: elf.glibcFloor }).toEqual({
      path,
      needed,
      interpreter: /program interpreter: (.*)\]/.exec(stdout)?.[1],
      floor: stdout.includes('Name: GLIBC_ABI_DT_RELR ') ? elf.glibcFloor : floor,
    });
    compared += 1;
  }
  expect(compared).toBeGreaterThan(30);
});
