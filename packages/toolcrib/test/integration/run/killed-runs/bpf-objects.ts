import { execFileSync } from 'node:child_process';

/** Programs, maps and links in the kernel that no process holds any more: something keeps them. */
export function orphanedBpfObjects(): ReadonlySet<string> {
  return new Set(
    ['prog', 'map', 'link'].flatMap((kind) =>
      listed(kind).flatMap((one) => (isHeld(one) ? [] : [`${kind} ${one.id}`])),
    ),
  );
}

interface BpfObject {
  readonly id: number;
  readonly pids?: readonly { readonly pid: number }[];
}

function listed(kind: string): readonly BpfObject[] {
  const text = execFileSync('bpftool', ['--json', kind, 'list'], { encoding: 'utf8', maxBuffer: 1e8 });
  return text.trim() === '' ? [] : (JSON.parse(text) as BpfObject[]);
}

function isHeld({ pids = [] }: BpfObject): boolean {
  return pids.length > 0;
}
