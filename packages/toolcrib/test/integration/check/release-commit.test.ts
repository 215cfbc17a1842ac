import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parseReleaseManifest, type ReleaseManifest } from '../../../src/core/release.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { elfFile } from '../../unit/build/elf-file.ts';
import { toolcrib } from '../cli/command-line.ts';
import { programsMissing } from '../build/samples.ts';
import {
  gateRepository,
  removeTemplate,
  SOURCE,
  SUMS_FILE,
  TOOL,
  VERSION_FILE,
  type GateRepository,
} from './gate-repository.ts';

const missing = requireOrSkip(await programsMissing('git'));
afterAll(removeTemplate);

/** Builds and publishes version 28 from the work tree as it is. */
async function published(repository: GateRepository): Promise<ReleaseManifest['source']> {
  for (const args of [['build'], ['publish']]) {
    const end = await toolcrib(args, { cwd: repository.folder });
    expect(end, end.stderr).toMatchObject({ code: 0 });
  }
  const path = join(repository.store, `${TOOL}-v28.json`);
  return parseReleaseManifest(await readFile(path, 'utf8'), path).source;
}

async function bumped(): Promise<GateRepository> {
  const repository = await gateRepository();
  await repository.write('program', elfFile({}).toString('latin1'));
  await repository.configure({
    targets: ['amd64'],
    build: { driver: 'command', command: 'cp program "$TOOLCRIB_OUTPUT"' },
  });
  await repository.write(VERSION_FILE, '28\n');
  await repository.commit('change');
  return repository;
}

describe.concurrent('a release', missing, () => {
  test('names the commit and its date when nothing that it was built from differs', async () => {
    await using repository = await bumped();
    await repository.append('README.md', 'does not ship');
    await repository.write(SUMS_FILE, 'is written anyway');
    const [commit, date] = (await repository.git('show', '--no-patch', '--format=%H %cI')).split(' ');
    expect(await published(repository)).toEqual({ commit, date });
  });

  test.each([SOURCE, VERSION_FILE, 'toolcrib.json'])('names none when %s is not what was committed', async (path) => {
    await using repository = await bumped();
    if (path === VERSION_FILE) await repository.write(path, '28');
    else await repository.append(path, '\n');
    expect(await published(repository)).toEqual({ commit: null, date: null });
  });

  test('names none outside of git', async () => {
    await using repository = await bumped();
    await repository.remove('.git');
    expect(await published(repository)).toEqual({ commit: null, date: null });
  });
});
