import { PACK_OPTION } from '../pack-option.ts';
import type { Registration } from '../program-options.ts';
import { registerExtInject } from './ext-inject.ts';
import { registerExtPack } from './ext-pack.ts';
import { registerExtPublish } from './ext-publish.ts';
import { registerExtResolve } from './ext-resolve.ts';
import { registerExtSecrets } from './ext-secrets.ts';

interface LockCommandOptions {
  readonly pack?: string;
  readonly frozen?: boolean;
}

interface AddCommandOptions {
  readonly pack?: string;
  readonly role?: string;
  readonly allowTags?: boolean;
}

export function registerExt(registration: Registration): void {
  const { program, action } = registration;
  const ext = program.command('ext').description('extensions: what a pack depends on, and their components');
  registerExtResolve(ext, registration);
  ext
    .command('lock')
    .description('pin the digest of every extension that a pack declares, in pack.extensions.lock.json')
    .option(...PACK_OPTION)
    .option('--frozen', 'write nothing: the lock has to agree with what is declared, and with what the sources give')
    .action(
      action(async (session, options: LockCommandOptions) => {
        const { lockExtensions } = await import('../../flows/lock-extensions.ts');
        const { describeLock, shownLock } = await import('../../report/extension-text.ts');
        const { host, output } = session;
        const lock = await lockExtensions(await session.project(), host, options);
        output.report(shownLock(lock), describeLock(lock));
        return 0;
      }),
    );
  ext
    .command('add')
    .description('declare an extension in pack.extensions.json and lock it, once its pack was found sound')
    .argument('<id>', 'of the extension')
    .argument('<ref>', 'where its pack is: store://NAME@VERSION, oci://, repo://, https://, file:// or a path')
    .option(...PACK_OPTION)
    .option('--role <role>', 'what the pack uses it for (default: component)')
    .option('--allow-tags', 'declare a tag as it is; only the lock has its digest')
    .action(
      action(async (session, id: string, reference: string, options: AddCommandOptions) => {
        const { addExtension } = await import('../../flows/add-extension.ts');
        const { describeAdded, shownAdded } = await import('../../report/extension-text.ts');
        const { host, output } = session;
        const added = await addExtension(await session.project(), host, { id, reference, ...options });
        output.report(shownAdded(added), describeAdded(added));
        return 0;
      }),
    );
  for (const register of [registerExtInject, registerExtSecrets, registerExtPack, registerExtPublish])
    register(ext, registration);
}
