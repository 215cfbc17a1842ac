import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { judgeImports, type ForbiddenImport } from './cruise.ts';
import { IMPORT_RULES, MAY_IMPORT } from './import-rules.ts';

const toolcrib = fileURLToPath(new URL('../..', import.meta.url));

describe('the source of toolcrib', () => {
  test('imports only what the rules allow', async () => {
    const { files, forbidden } = await judgeImports(toolcrib);
    expect(files.length).toBeGreaterThan(20);
    expect(forbidden).toEqual([]);
  });

  test('has no folder that the rules do not name', async () => {
    const entries = await readdir(join(toolcrib, 'src'), { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    const files = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
    expect(folders.filter((name) => !Object.hasOwn(MAY_IMPORT, name))).toEqual([]);
    expect(files).toEqual(['ext-local.ts', 'index.ts']);
  });
});

/** For each rule an import that it forbids, and what the importing file would be called. */
const PLANTED: readonly (readonly [rule: string, file: string, text: string])[] = [
  ['core-imports', 'src/core/a.ts', "import type { A } from '../disk/file.ts';"],
  ['core-is-pure', 'src/core/b.ts', "import { readFile } from 'node:fs/promises';"],
  ['core-is-pure', 'src/core/c.ts', "import type { Agent } from 'undici';"],
  ['disk-imports', 'src/disk/a.ts', "import type { A } from '../cache/file.ts';"],
  ['tar-imports', 'src/tar/a.ts', "export { a } from '../config/config.ts';"],
  ['transfer-imports', 'src/transfer/a.ts', "import '../stores/store.ts';"],
  ['git-imports', 'src/git/a.ts', "import '../config/config.ts';"],
  ['attestations-imports', 'src/attestations/a.ts', "import type { A } from '../publish/file.ts';"],
  ['releases-imports', 'src/releases/a.ts', "await import('../stores/s3/file.ts');"],
  ['github-imports', 'src/github/a.ts', "import type { A } from '../promote/file.ts';"],
  ['check-imports', 'src/check/a.ts', "import type { A } from '../publish/file.ts';"],
  ['promote-imports', 'src/promote/a.ts', "import type { A } from '../publish/file.ts';"],
  ['fetch-imports', 'src/fetch/a.ts', "import type { A } from '../resolve/file.ts';"],
  ['mirror-imports', 'src/mirror/a.ts', "import type { A } from '../bundle/file.ts';"],
  ['bundle-imports', 'src/bundle/a.ts', "import type { A } from '../mirror/file.ts';"],
  ['config-imports', 'src/config/a.ts', "import '../stores/store.ts';"],
  ['cache-imports', 'src/cache/a.ts', "await import('../stores/store.ts');"],
  ['report-imports', 'src/report/a.ts', "import type { A } from '../run/file.ts';"],
  ['stores-imports', 'src/stores/a.ts', "import type { A } from '../sandboxes/sandbox.ts';"],
  ['stores-imports', 'src/stores/s3/a.ts', "import type { A } from '../../config/config.ts';"],
  ['sandboxes-imports', 'src/sandboxes/docker/a.ts', "import type { A } from '../../stores/store.ts';"],
  ['build-imports', 'src/build/a.ts', "import type { A } from '../publish/file.ts';"],
  ['publish-imports', 'src/publish/a.ts', "import type { A } from '../build/file.ts';"],
  ['resolve-imports', 'src/resolve/a.ts', "await import('../stores/s3/file.ts');"],
  ['inject-imports', 'src/inject/a.ts', "import type { A } from '../sandboxes/docker/file.ts';"],
  ['validate-imports', 'src/validate/a.ts', "import type { A } from '../inject/file.ts';"],
  ['run-imports', 'src/run/a.ts', "import type { A } from '../report/file.ts';"],
  ['extensions-imports', 'src/extensions/a.ts', "import type { A } from '../resolve/file.ts';"],
  ['serve-imports', 'src/serve/a.ts', "import type { A } from '../flows/file.ts';"],
  ['doctor-imports', 'src/doctor/a.ts', "import type { A } from '../resolve/file.ts';"],
  ['flows-imports', 'src/flows/a.ts', "import type { A } from '../cli/file.ts';"],
  ['cli-imports', 'src/cli/a.ts', "await import('../resolve/file.ts');"],
  ['cli-imports', 'src/cli/b.ts', "await import('../stores/directory/file.ts');"],
  ['shims-imports', 'src/shims/a.ts', "import type { A } from '../core/file.ts';"],
  ['shims-stand-alone', 'src/shims/b.ts', "import * as z from 'zod/mini';"],
  ['index-imports', 'src/index.ts', "export { a } from './cache/file.ts';"],
  ['config-only-types', 'src/build/b.ts', "import { a } from '../config/config.ts';"],
  ['stores-implementations-apart', 'src/stores/directory/a.ts', "import type { A } from '../s3/file.ts';"],
  ['sandboxes-implementations-apart', 'src/sandboxes/docker/b.ts', "import '../local/file.ts';"],
  ['stores-port-knows-no-implementation', 'src/stores/b.ts', "await import('./s3/file.ts');"],
  ['sandboxes-port-knows-no-implementation', 'src/sandboxes/b.ts', "import type { A } from './docker/file.ts';"],
  ['stores-are-picked-lazily', 'src/flows/b.ts', "import { a } from '../stores/s3/file.ts';"],
  ['sandboxes-are-picked-lazily', 'src/flows/c.ts', "import { a } from '../sandboxes/docker/file.ts';"],
  ['aws-sdk-only-where-needed', 'src/stores/directory/b.ts', "await import('@aws-sdk/client-s3');"],
  ['smithy-only-where-needed', 'src/flows/d.ts', "import '@smithy/core';"],
  ['undici-only-where-needed', 'src/resolve/b.ts', "import type { Agent } from 'undici';"],
  ['tar-stream-only-where-needed', 'src/inject/c.ts', "import { pack } from 'tar-stream';"],
  ['commander-only-where-needed', 'src/flows/e.ts', "import { Command } from 'commander';"],
  ['octokit-only-where-needed', 'src/promote/b.ts', "await import('@octokit/core');"],
  ['fastify-only-where-needed', 'src/flows/f.ts', "import type { FastifyInstance } from 'fastify';"],
  ['yauzl-only-where-needed', 'src/fetch/b.ts', "import 'yauzl';"],
  ['yazl-only-where-needed', 'src/github/b.ts', "import 'yazl';"],
  ['yaml-only-where-needed', 'src/flows/y.ts', "import 'yaml';"],
  ['sigstore-only-where-needed', 'src/resolve/d.ts', "import type { Bundle } from '@sigstore/bundle';"],
  ['ext-local-reaches-no-network', 'src/ext-local.ts', "import './extensions/way.ts';"],
  ['no-circles', 'src/cache/circle.ts', "import './other-half.ts';"],
  ['no-tests', 'src/disk/b.ts', "import '../../test/servers/file.ts';"],
];

/** Imports that look like those above and are allowed. */
const ALLOWED: readonly (readonly [file: string, text: string])[] = [
  ['src/core/fine.ts', "import { createHash } from 'node:crypto'; import * as z from 'zod/mini'; import './file.ts';"],
  ['src/build/fine.ts', "import type { A } from '../config/config.ts'; import type { B } from '../stores/store.ts';"],
  ['src/stores/s3/fine.ts', "import '@aws-sdk/client-s3'; import 'undici'; import '../store.ts'; import './file.ts';"],
  ['src/flows/fine.ts', "await import('../stores/s3/file.ts'); import type { A } from '../stores/s3/file.ts';"],
  ['src/cli/fine.ts', "import 'commander'; await import('../flows/file.ts'); import '../report/file.ts';"],
  ['src/disk/fine.ts', "import type { A } from './fine-too.ts'; import '../core/file.ts';"],
  ['src/disk/fine-too.ts', "import './fine.ts';"],
];

describe('a rule about imports', () => {
  let folder = '';
  let forbidden: readonly ForbiddenImport[] = [];

  const plant = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), `${text}\nexport const a = 1;\nexport type A = 1;\nexport type B = 1;\n`);
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'toolcrib-test-'));
    await symlink(join(toolcrib, '../../node_modules'), join(folder, 'node_modules'));
    const implementations = ['stores/s3', 'stores/directory', 'sandboxes/docker', 'sandboxes/local'];
    const files = [...Object.keys(MAY_IMPORT), ...implementations].map((name) => `src/${name}/file.ts`);
    const others = ['src/stores/store.ts', 'src/sandboxes/sandbox.ts', 'src/config/config.ts', 'test/servers/file.ts'];
    for (const file of [...files, ...others]) await plant(file, '');
    await plant('src/extensions/way.ts', "await import('../disk/way.ts');");
    await plant('src/disk/way.ts', "import { connect } from 'node:net';");
    await plant('src/cache/other-half.ts', "import './circle.ts';");
    for (const [, file, text] of PLANTED) await plant(file, text);
    for (const [file, text] of ALLOWED) await plant(file, text);
    ({ forbidden } = await judgeImports(folder));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each(PLANTED)('%s reports it when %s says: %s', (rule, file) => {
    expect(forbidden.filter(({ from }) => from === file).map((violation) => violation.rule)).toContain(rule);
  });

  test.each(ALLOWED)('lets %s say: %s', (file) => {
    expect(forbidden.filter(({ from }) => from === file)).toEqual([]);
  });

  test('never goes without an example of what it forbids', () => {
    const examples = new Set(PLANTED.map(([rule]) => rule));
    expect(IMPORT_RULES.map(({ name }) => name).filter((name) => !examples.has(name ?? ''))).toEqual([]);
  });
});
