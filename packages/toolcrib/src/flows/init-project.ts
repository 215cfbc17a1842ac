import { appendFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { isToolName } from '../core/artifact-name.ts';
import { isSystemError, UsageError } from '../core/errors.ts';
import type { Reporter } from '../core/reporter.ts';
import { formatVersionFile } from '../core/version.ts';
import { ifThere, readSmallText } from '../disk/small-file.ts';
import { storageError } from '../disk/storage-error.ts';
import { createSmallFileOnce } from '../disk/write-file.ts';

export interface InitOptions {
  /** The folder that becomes a project. */
  readonly folder: string;
  /** Name of the tool; default: of the package, else of the folder. */
  readonly tool?: string;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal;
}

const SCHEMA = './node_modules/toolcrib/toolcrib.schema.json';
const VERSION_FILE = 'tool-version.txt';
const IGNORED = '/binaries/';
/** Above any file that a project has for itself, in bytes. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;
/** Files that are a program's entry and nothing else, most telling first. */
const ENTRIES = ['src/main.ts', 'src/cli.ts', 'src/index.ts', 'main.ts', 'cli.ts', 'index.ts'];
const GO_BUILD = 'CGO_ENABLED=0 GOOS=linux GOARCH="$TOOLCRIB_ARCH" go build -trimpath -o "$TOOLCRIB_OUTPUT" .';
const EXAMPLE_BUILD = './build.sh "$TOOLCRIB_ARCH" "$TOOLCRIB_OUTPUT"';

/**
 * Makes a folder a project: `toolcrib.json`, the version file, and a line in `.gitignore` for what is built. Nothing that
 * is there is overwritten. The configuration comes last, so that an interrupted call can be repeated.
 * @returns absolute paths of the files that were written.
 * @throws UsageError `USAGE` naming the file that is in the way, or when no tool name can be found; RemoteError
 * `STORAGE`; the signal's reason.
 */
export async function initProject(options: InitOptions): Promise<string[]> {
  const { signal } = options;
  const folder = resolve(options.folder);
  const config = join(folder, 'toolcrib.json');
  const versionFile = join(folder, VERSION_FILE);
  const tool = options.tool === undefined ? await toolNameOf(folder) : verifyToolName(options.tool);
  if ((await textOf(config)) !== undefined) throw inTheWay(config);
  await verifyFree(versionFile, formatVersionFile(1));
  const text = await configText(folder, tool, options.reporter);
  const written: string[] = [];
  if ((await createSmallFileOnce(versionFile, formatVersionFile(1), { signal })) === 'created')
    written.push(versionFile);
  if (await ignoreBinaries(join(folder, '.gitignore'))) written.push(join(folder, '.gitignore'));
  if ((await createSmallFileOnce(config, text, { signal })) === 'exists') throw inTheWay(config);
  return [...written, config];
}

async function configText(folder: string, tool: string, reporter: Reporter): Promise<string> {
  const build = await buildOf(folder);
  if (build.command === EXAMPLE_BUILD) {
    reporter.notice({
      kind: 'warning',
      text: `there is neither a TypeScript entry (${ENTRIES.join(', ')}) nor a go.mod: toolcrib.json has an example for a build command, ${EXAMPLE_BUILD}`,
      hint: 'replace it by the command that writes one executable to $TOOLCRIB_OUTPUT',
    });
  }
  const config = { $schema: SCHEMA, tool, targets: ['amd64-any', 'arm64-any'], build, stores: [] };
  return `${JSON.stringify(config, null, 2)}\n`;
}

async function buildOf(folder: string): Promise<{ driver: string; entry?: string; command?: string }> {
  for (const entry of ENTRIES) {
    if (await isFile(join(folder, entry))) return { driver: 'bun', entry };
  }
  return { driver: 'command', command: (await isFile(join(folder, 'go.mod'))) ? GO_BUILD : EXAMPLE_BUILD };
}

function verifyToolName(name: string): string {
  if (isToolName(name)) return name;
  throw new UsageError('USAGE', `not a tool name: ${JSON.stringify(name)}`, {
    hint: 'a tool name is made of lower-case words joined by single dashes, e.g. sandbox-tools',
  });
}

/** Of `@scope/My_Tool` the name is `my-tool`. */
async function toolNameOf(folder: string): Promise<string> {
  const words = [await packageName(folder), basename(folder)].map((name) =>
    name
      .replace(/^@[^/]*\//, '')
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, ''),
  );
  const name = words.find(isToolName);
  if (name !== undefined) return name;
  throw new UsageError(
    'USAGE',
    `neither a package.json nor the folder's name says what the tool in ${folder} is called`,
    {
      hint: 'name it with --tool, e.g. --tool sandbox-tools',
    },
  );
}

/** The name in `package.json`, '' when it has none or there is none. */
async function packageName(folder: string): Promise<string> {
  try {
    const manifest: unknown = JSON.parse((await textOf(join(folder, 'package.json'))) ?? '{}');
    if (typeof manifest !== 'object' || manifest === null || !('name' in manifest)) return '';
    return typeof manifest.name === 'string' ? manifest.name : '';
  } catch (error) {
    if (error instanceof SyntaxError) return '';
    throw error;
  }
}

/** A version file of an interrupted call holds what this one would write. */
async function verifyFree(path: string, text: string): Promise<void> {
  const found = await textOf(path);
  if (found !== undefined && found !== text) throw inTheWay(path);
}

function inTheWay(path: string): UsageError {
  return new UsageError('USAGE', `${path} is there already`, {
    hint: 'init never overwrites: edit that file, or remove it first',
    details: { path },
  });
}

/** Adds one line by one write: whoever reads in between sees the old lines or all of them. */
async function ignoreBinaries(path: string): Promise<boolean> {
  const text = (await textOf(path)) ?? '';
  if (text.split(/\r?\n/).some((line) => /^\/?binaries\/?$/.test(line.trim()))) return false;
  const separator = text === '' || text.endsWith('\n') ? '' : '\n';
  try {
    await appendFile(path, `${separator}${IGNORED}\n`, { flush: true });
  } catch (error) {
    throw storageError(error, 'append to', path);
  }
  return true;
}

/** Undefined when nothing is there. */
async function textOf(path: string): Promise<string | undefined> {
  return await ifThere(readSmallText(path, MAX_FILE_BYTES));
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return false;
    throw storageError(error, 'examine', path);
  }
}
