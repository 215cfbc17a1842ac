import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Arch } from '../core/target.ts';
import { finding, type Finding } from './finding.ts';

/** What starts programs of another machine. */
export interface Translator {
  readonly arch: Arch;
  /** Path of the interpreter. */
  readonly interpreter: string;
  /** True when the kernel opened it when it was registered (flag F), so that containers need not have it. */
  readonly fixed: boolean;
}

const FOLDER = '/proc/sys/fs/binfmt_misc';
/** `e_machine` of elf(5), little-endian. */
const MACHINES: Readonly<Record<string, Arch>> = { '3e00': 'amd64', b700: 'arm64' };

/**
 * Reads an entry of binfmt_misc. Source: the kernel's "Kernel Support for miscellaneous Binary Formats".
 * @returns undefined when it is disabled, or is not for ELF files of a machine that targets are for.
 */
export function translatorIn(text: string): Translator | undefined {
  const lines = text.split('\n');
  const valueOf = (name: string): string | undefined =>
    lines
      .find((line) => line.startsWith(`${name} `))
      ?.slice(name.length + 1)
      .trim();
  const magic = valueOf('magic') ?? '';
  const interpreter = valueOf('interpreter');
  const arch = magic.startsWith('7f454c46') ? MACHINES[magic.slice(36, 40)] : undefined;
  if (lines[0]?.trim() !== 'enabled' || arch === undefined || interpreter === undefined) return undefined;
  return { arch, interpreter, fixed: /^flags:.*F/m.test(text) };
}

/** Those that the kernel of this machine knows. */
export async function readTranslators(): Promise<readonly Translator[]> {
  const names = await readdir(FOLDER).catch(() => []);
  const texts = await Promise.all(names.map((name) => readFile(join(FOLDER, name), 'latin1').catch(() => '')));
  return texts.flatMap((text) => translatorIn(text) ?? []);
}

/**
 * Whether programs of the other machine can be started here.
 * @param own of this machine.
 */
export function emulationFindings(own: Arch | undefined, translators: readonly Translator[]): readonly Finding[] {
  if (own === undefined) return [];
  const other = own === 'amd64' ? 'arm64' : 'amd64';
  const common = { group: 'local', subject: other } as const;
  const found = translators.find(({ arch }) => arch === other);
  if (found === undefined) {
    const text = `programs for ${other} cannot be started on this machine`;
    const remedy = 'for containers of another machine, install qemu-user-static, and binfmt-support or systemd-binfmt';
    return [finding({ ...common, state: 'note', text, remedy })];
  }
  const { interpreter, fixed } = found;
  const facts = { interpreter, fixed };
  if (fixed)
    return [finding({ ...common, state: 'ok', text: `programs for ${other} are started by ${interpreter}`, facts })];
  const text = `programs for ${other} are started by ${interpreter}, but not in containers, which do not have it`;
  return [finding({ ...common, state: 'warning', text, remedy: 'register it with the flag F (fix binary)', facts })];
}
