import { printable } from '../core/printable.ts';
import { basename } from 'node:path';

/** What a person is told about a project's revocations. */
export interface RevocationFacts {
  readonly tool: string;
  /** Absolute path of the list. */
  readonly file: string;
  readonly changed: boolean;
  readonly versions: readonly { readonly version: number; readonly reason: string }[];
  readonly digests: readonly { readonly digest: string; readonly reason: string }[];
  /** The project's stores. */
  readonly stores: readonly string[];
}

/** The text of `revoke`: what is revoked now, and what is left to do. */
export function describeRevocations(facts: RevocationFacts): string {
  const { tool, file, changed } = facts;
  const entries = [
    ...facts.versions.map(({ version, reason }) => `  version ${version}: ${printable(reason)}`),
    ...facts.digests.map(({ digest, reason }) => `  ${digest}: ${printable(reason)}`),
  ];
  const head = changed ? `${file} revokes of ${tool} now:` : `Nothing was written. ${file} revokes of ${tool} already:`;
  return `${head}\n${entries.join('\n')}\n\n${nextSteps(facts).join('\n')}\n`;
}

function nextSteps({ file, stores }: RevocationFacts): readonly string[] {
  const commit = `Commit it: whoever uses this project's checkout is refused then.\n  git add ${file} && git commit`;
  if (stores.length === 0) return [commit];
  const copies = stores.map((store) => `  ${copyCommand(file, store)}`);
  return [commit, 'Put it into the stores too, over an older one: others are told there.', ...copies];
}

/** Stores are write-once for toolcrib: a list, which grows, is put there by hand. */
function copyCommand(file: string, store: string): string {
  const shown = printable(store);
  if (store.startsWith('file:')) return `cp ${file} ${shown.slice('file:'.length)}/`;
  if (store.startsWith('s3://')) return `aws s3 cp ${file} ${s3Address(shown, basename(file))}`;
  if (store.startsWith('github:'))
    return `${shown} holds no list, because it belongs to no release: the checkout's counts`;
  const name = basename(file);
  if (store.startsWith('oci:'))
    return `${shown}: "toolcrib mirror STORE '${shown}'" brings the list of a store that has it; a newer one after the tag ${name} was deleted`;
  return `${shown}: on its server, put ${name} into the folder that it serves (--root of "toolcrib serve")`;
}

/** The address of the file and what the store's own options mean to `aws`. */
function s3Address(store: string, name: string): string {
  const [address = '', query = ''] = store.split('?');
  const options = new URLSearchParams(query);
  const flags = [
    ['--region', options.get('region')],
    ['--endpoint-url', options.get('endpoint')],
  ].flatMap(([flag, value]) => (value == null ? [] : [` ${flag} ${value}`]));
  return `${address.replace(/\/$/, '')}/${name}${flags.join('')}`;
}
