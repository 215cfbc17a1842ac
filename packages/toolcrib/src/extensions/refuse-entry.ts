import type { UsageError } from '../core/errors.ts';
import { quoted } from '../core/printable.ts';

/** Makes the error of what is wrong with a file. */
export type Refuse = (what: string) => UsageError;

/** Refuses an entry with a field of nothing but blanks. @param fields by their names in the file, the id among them. */
export function refuseEmpty(fields: Readonly<Record<string, string>> & { readonly id: string }, refuse: Refuse): void {
  const empty = Object.keys(fields).find((name) => fields[name]?.trim() === '');
  if (empty === undefined) return;
  throw refuse(
    empty === 'id' ? 'an extension has an empty id' : `extension ${quoted(fields.id)} has an empty ${empty}`,
  );
}

/** Refuses a file that has an id twice. */
export function refuseDuplicates(
  extensions: readonly { readonly id: string; readonly role: string }[],
  refuse: Refuse,
): void {
  const roles = new Map<string, string>();
  for (const { id, role } of extensions) {
    const other = roles.get(id);
    if (other !== undefined) {
      throw refuse(`extension ${quoted(id)} stands there twice, with the roles ${quoted(other)} and ${quoted(role)}`);
    }
    roles.set(id, role);
  }
}
