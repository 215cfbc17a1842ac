import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * Programs, maps and links in the kernel that no process holds: something keeps them, or they go in a moment. Who holds
 * what is read from `/proc`: not every bpftool tells it.
 */
export function orphanedBpfObjects(): ReadonlySet<string> {
  const programs = listed('prog');
  const others = ['map', 'link'].flatMap((kind) => listed(kind).map(({ id }) => `${kind} ${id}`));
  const held = heldObjects();
  for (const { id, map_ids: maps = [] } of programs) {
    if (held.has(`prog ${id}`)) for (const map of maps) held.add(`map ${map}`);
  }
  return new Set([...programs.map(({ id }) => `prog ${id}`), ...others].filter((one) => !held.has(one)));
}

interface BpfObject {
  readonly id: number;
  /** Of a program. */
  readonly map_ids?: readonly number[];
}

const ATTEMPTS = 20;

/** bpftool fails when one of the objects goes while it lists them. */
function listed(kind: string, attempt = 1): readonly BpfObject[] {
  try {
    const text = execFileSync('bpftool', ['--json', kind, 'list'], { encoding: 'utf8', maxBuffer: 1e8 });
    return text.trim() === '' ? [] : (JSON.parse(text) as BpfObject[]);
  } catch (error) {
    if (attempt === ATTEMPTS) throw error;
    return listed(kind, attempt + 1);
  }
}

/** What the descriptors of all processes are; that of a link names its program, too. */
function heldObjects(): Set<string> {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return new Set(processes.flatMap((pid) => descriptorsOf(pid).flatMap((descriptor) => objectsOf(pid, descriptor))));
}

function descriptorsOf(pid: string): readonly string[] {
  return orNothing([], () => readdirSync(`/proc/${pid}/fd`));
}

function objectsOf(pid: string, descriptor: string): readonly string[] {
  return orNothing([], () => {
    if (!readlinkSync(`/proc/${pid}/fd/${descriptor}`).startsWith('anon_inode:bpf')) return [];
    const lines = readFileSync(`/proc/${pid}/fdinfo/${descriptor}`, 'latin1').matchAll(
      /^(prog|map|link)_id:\s*(\d+)$/gm,
    );
    return [...lines].map(([, kind, id]) => `${kind} ${id}`);
  });
}

/** A process may end while it is looked at. */
function orNothing<T>(nothing: T, look: () => T): T {
  try {
    return look();
  } catch {
    return nothing;
  }
}
