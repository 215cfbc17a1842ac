import { quoteShellWord } from '../../core/shell-words.ts';
import type { ExecRequest } from '../sandbox.ts';
import { markCommand } from './marks.ts';

/** Names that a shell can export; anything else goes through `env`. */
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** What shells keep to themselves, or what means something to them. */
const OWN: ReadonlySet<string> = new Set([
  'BASHOPTS',
  'BASH_VERSINFO',
  'EUID',
  'GROUPS',
  'IFS',
  'OPTIND',
  'PPID',
  'SHELLOPTS',
  'UID',
]);

/** How stdin reaches the program: as it is, not at all, or in frames where its end would not be seen otherwise. */
export type InputWay = 'direct' | 'none' | 'framed';

/**
 * A compound command for `/bin/sh` that runs one program, between marks on both outputs. The program is a child and not
 * the shell itself: its exit code is then told apart from whatever the prefix ends with, and outputs that were cut off
 * are seen.
 */
export function execScript(request: ExecRequest, nonce: string, input: InputWay): string {
  const both = (words: string) => `${markCommand(nonce, `out ${words}`)}; ${markCommand(nonce, `err ${words}`)} >&2`;
  const run = `( exec ${commandOf(request)} )`;
  const ended = `toolcrib_code=$?; ${both('end $toolcrib_code')}`;
  const runs = {
    direct: `${run}; ${ended}; ${DRAIN}`,
    none: `${run} </dev/null; ${ended}`,
    framed: `( ${UNFRAME} ) | { ${run}; ${ended}; }`,
  };
  return [
    '{',
    ...(request.cwd === undefined
      ? []
      : [`cd ${quoteShellWord(request.cwd)} || { ${markCommand(nonce, 'out nowhere')}; exit 0; }`]),
    both('begin'),
    ...(request.unset ?? []).filter(isExportable).map((name) => `command unset ${name} 2>/dev/null`),
    ...Object.entries(request.env ?? {})
      .filter(([name]) => isExportable(name))
      .map(([name, value]) => `command export ${name}=${quoteShellWord(value)}`),
    `${runs[input]}; exit 0; }`,
    '',
  ].join('\n');
}

/** Podman loses outputs of a command that leaves input unread; it comes to an end when the marks were seen. */
const DRAIN = 'PATH=/usr/sbin:/usr/bin:/sbin:/bin; cat >/dev/null 2>&1';

/** Reads `LENGTH`, a newline and that many bytes again and again; 0 is the end. `dd` reads no byte too many. */
const UNFRAME = [
  'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
  'while IFS= read -r n && [ "$n" -gt 0 ]; do dd bs="$n" count=1 iflag=fullblock 2>/dev/null || break; done',
].join('; ');

/** A piece of stdin as {@link execScript} reads it in frames; an empty one is the end. */
export function frameInput(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.byteLength}\n`, 'latin1'), bytes]);
}

function commandOf(request: ExecRequest): string {
  const given = Object.entries(request.env ?? {}).filter(([name]) => !isExportable(name));
  const taken = (request.unset ?? []).filter((name) => !isExportable(name));
  const words = [
    ...(given.length + taken.length === 0 ? [] : ['/usr/bin/env']),
    ...taken.flatMap((name) => ['-u', name]),
    ...given.map(([name, value]) => `${name}=${value}`),
    ...request.argv,
  ];
  return words.map(quoteShellWord).join(' ');
}

function isExportable(name: string): boolean {
  return IDENTIFIER.test(name) && !OWN.has(name);
}
