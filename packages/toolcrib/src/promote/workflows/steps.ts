import { usesOf } from './actions.ts';
import { quote, type WorkflowSettings } from './workflow-settings.ts';

/** What a step needs besides its command. */
export interface StepOptions {
  readonly id?: string;
  readonly condition?: string;
  /** Also a failure lets the job go on; the comment says why. */
  readonly mayFail?: string;
  /** Values from outside come to a command in this way only. */
  readonly env?: Readonly<Record<string, string>>;
}

const INDENT = '      ';

/** A line of a step, below its first. */
const line = (text: string): string => `${INDENT}  ${text}\n`;

/** Checks out a commit; its token stays out of the folder that a build can read. */
export function checkout(ref: string, options: { readonly history?: boolean } = {}): string {
  return [
    `${INDENT}- uses: ${usesOf('checkout')}\n`,
    line('with:'),
    line(`  ref: ${ref}`),
    ...(options.history === true ? [line('  fetch-depth: 0')] : []),
    line('  persist-credentials: false'),
  ].join('');
}

/** No cache: what a pull request puts there would come to whoever restores it. */
export function setupNode(): string {
  const lines = [line('with:'), line('  node-version: "24"'), line('  package-manager-cache: false')];
  return [`${INDENT}- uses: ${usesOf('setupNode')}\n`, ...lines].join('');
}

/**
 * Installs what the lock file pins, where there is one that has to be.
 * @param scripts true where the project's own dependencies build, which may need their install scripts.
 */
export function install({ installation }: WorkflowSettings, scripts: boolean): string {
  const needed = installation.kind === 'locked' || (installation.lockFile && scripts);
  if (!needed) return '';
  const command = scripts ? 'npm ci' : 'npm ci --ignore-scripts';
  return `${INDENT}- name: Install what the lock file pins\n${line(`run: ${command}`)}`;
}

/**
 * One call of the command line: every step that does something is one. It names the configuration, also where that is
 * the nearest one: a change that takes it away would have another one found in the folders above.
 */
export function toolcrib(settings: WorkflowSettings, name: string, words: string, options: StepOptions = {}): string {
  const env = { CONFIG: quote(settings.config), ...options.env };
  return [
    `${INDENT}- name: ${name}\n`,
    ...(options.id === undefined ? [] : [line(`id: ${options.id}`)]),
    ...(options.condition === undefined ? [] : [line(`if: ${options.condition}`)]),
    ...(options.mayFail === undefined ? [] : [line(`# ${options.mayFail}`), line('continue-on-error: true')]),
    line(`run: ${program(settings)} --config "$CONFIG" ${words}`),
    line('env:'),
    ...Object.entries(env).map(([key, value]) => line(`  ${key}: ${value}`)),
  ].join('');
}

function program({ installation }: WorkflowSettings): string {
  return installation.kind === 'locked' ? 'npx --no -- toolcrib' : `npx --yes -- toolcrib@${installation.version}`;
}

/** Keeps a file of the repository as an artifact of the run. */
export function upload(name: string, path: string): string {
  return [
    `${INDENT}- uses: ${usesOf('upload')}\n`,
    line('with:'),
    line(`  name: ${name}`),
    line(`  path: ${path}`),
    line('  if-no-files-found: error'),
    line('  overwrite: true'),
    line('  retention-days: 90'),
  ].join('');
}

/** Brings all artifacts of this run whose name matches into one folder. */
export function download(pattern: string, folder: string): string {
  return [
    `${INDENT}- uses: ${usesOf('download')}\n`,
    line('with:'),
    line(`  pattern: ${pattern}`),
    line(`  path: ${folder}`),
    line('  merge-multiple: true'),
  ].join('');
}

/** Brings one artifact of this run into a folder of the machine, outside of what is checked out. */
export function downloadOne(name: string, folder: string): string {
  return [
    `${INDENT}- uses: ${usesOf('download')}\n`,
    line('with:'),
    line(`  name: ${name}`),
    line(`  path: ${folder}`),
  ].join('');
}

/** Steps, each under one condition. */
export function onlyIf(condition: string, steps: readonly string[]): string {
  return steps.map((step) => step.replace('\n', () => `\n${line(`if: ${condition}`)}`)).join('');
}

/** Where every command of a workflow runs. */
export function defaults({ folder }: WorkflowSettings): string {
  const place = folder === '' ? '' : `    working-directory: ${quote(folder)}\n`;
  return `defaults:\n  run:\n    shell: bash\n${place}`;
}

/** A path of the repository as a scalar. */
export function pathIn(folder: string, name: string): string {
  return quote(folder === '' ? name : `${folder}/${name}`);
}
