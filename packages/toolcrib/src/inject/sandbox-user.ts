import type { Sandbox, SandboxReader } from '../sandboxes/sandbox.ts';
import { readSmallFile } from './small-file.ts';

/** In bytes. */
const PASSWD_LIMIT = 1024 * 1024;

/**
 * Uid of the user that commands of the sandbox run as. A name is looked up in its `/etc/passwd`, as engines do.
 * @returns undefined when the name cannot be found: then nothing may be claimed about what that user cannot do.
 */
export async function sandboxUid(sandbox: Sandbox): Promise<number | undefined> {
  const [name = ''] = sandbox.identity.user.split(':');
  if (name === '' || name === 'root') return 0;
  return /^\d+$/.test(name) ? Number(name) : await lookUp(sandbox, name);
}

async function lookUp(sandbox: SandboxReader, name: string): Promise<number | undefined> {
  const passwd = await readSmallFile(sandbox, '/etc/passwd', PASSWD_LIMIT);
  const line = passwd
    ?.toString('utf8')
    .split('\n')
    .map((text) => text.split(':'))
    .find((fields) => fields[0] === name);
  const uid = line?.[2];
  return uid !== undefined && /^\d+$/.test(uid) ? Number(uid) : undefined;
}
