import { join } from 'node:path';
import { hasCode } from '../core/errors.ts';
import { hostRedactionKey, readRedactionKey } from '../run/redaction/key-file.ts';
import { createEphemeralKey, type RedactionKey } from '../run/redaction/key.ts';
import { homeOf, type Host } from './host.ts';

/** `host-local`: a file, so that placeholders of several runs compare. `ephemeral`: they do not. */
export type RedactionKeySource = 'host-local' | 'ephemeral';

/**
 * The key of placeholders: the file that `ASSAY_REDACTION_KEY_FILE` names, else `toolcrib/redaction.key` in the user's
 * configuration, made by the first run.
 * @param source undefined: the host's, or an ephemeral one, with a warning, where no file can be made.
 * @throws UsageError `USAGE` when there is no key in a file that was named; RemoteError `STORAGE`.
 */
export async function openRedactionKey(host: Host, source: RedactionKeySource | undefined): Promise<RedactionKey> {
  if (source === 'ephemeral') return createEphemeralKey(host.random);
  const named = host.env['ASSAY_REDACTION_KEY_FILE'];
  if (named !== undefined && named !== '') return await readRedactionKey(named);
  try {
    return await hostRedactionKey(join(configDirectoryOf(host.env), 'redaction.key'), host.random);
  } catch (error) {
    if (source !== undefined || !hasCode(error, 'STORAGE')) throw error;
    host.reporter.notice({
      kind: 'warning',
      text: `the redaction key is ephemeral: ${error.message}`,
      hint: 'name a key file by ASSAY_REDACTION_KEY_FILE, or say --redaction-key ephemeral',
    });
    return createEphemeralKey(host.random);
  }
}

function configDirectoryOf(env: Host['env']): string {
  const xdg = env['XDG_CONFIG_HOME'];
  return xdg?.startsWith('/') === true ? join(xdg, 'toolcrib') : join(homeOf(env), '.config', 'toolcrib');
}
