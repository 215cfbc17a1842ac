import { RemoteError } from '../../core/errors.ts';
import type { SandboxEntry } from '../sandbox.ts';
import { fieldOf, textOf } from '../../core/json-fields.ts';

/** Bits of Go's `os.FileMode`, in which engines tell modes. Source: https://pkg.go.dev/io/fs#FileMode */
const GO = {
  directory: 31,
  link: 27,
  device: 26,
  pipe: 25,
  socket: 24,
  setuid: 23,
  setgid: 22,
  char: 21,
  sticky: 20,
  irregular: 19,
};

/**
 * Reads the header `X-Docker-Container-Path-Stat`: base64 of JSON.
 * @throws RemoteError `REMOTE_REFUSED` when it is missing or not that.
 */
export function parsePathStat(header: string | string[] | undefined): SandboxEntry {
  const stat = decode(header);
  const mode = fieldOf(stat, 'mode');
  const size = fieldOf(stat, 'size');
  if (typeof mode !== 'number' || typeof size !== 'number') {
    throw new RemoteError('REMOTE_REFUSED', 'the engine described a path without mode or size');
  }
  const kind = kindOf(mode);
  return {
    kind,
    mode: permissionsOf(mode),
    size,
    linkTarget: kind === 'link' ? (textOf(stat, 'linkTarget') ?? '') : '',
  };
}

function decode(header: string | string[] | undefined): unknown {
  if (typeof header !== 'string') return undefined;
  try {
    return JSON.parse(Buffer.from(header, 'base64').toString('utf8'));
  } catch {
    return undefined;
  }
}

function has(mode: number, bit: number): boolean {
  return Math.floor(mode / 2 ** bit) % 2 === 1;
}

function kindOf(mode: number): SandboxEntry['kind'] {
  if (has(mode, GO.directory)) return 'directory';
  if (has(mode, GO.link)) return 'link';
  const special = [GO.device, GO.pipe, GO.socket, GO.char, GO.irregular];
  return special.some((bit) => has(mode, bit)) ? 'other' : 'file';
}

function permissionsOf(mode: number): number {
  const special =
    (has(mode, GO.setuid) ? 0o4000 : 0) + (has(mode, GO.setgid) ? 0o2000 : 0) + (has(mode, GO.sticky) ? 0o1000 : 0);
  return special + (mode % 0o1000);
}
