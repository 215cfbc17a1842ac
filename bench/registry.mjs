import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

/**
 * Debian's docker-registry on a free port, in a process of its own, with its storage below a folder.
 * @returns {Promise<{ host: string, end: () => void }>}
 */
export async function startRegistry(folder) {
  const config = join(folder, 'registry.yml');
  const storage = join(folder, 'registry');
  writeFileSync(
    config,
    `version: 0.1
log: { level: info, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: ${storage} } }
http: { addr: 127.0.0.1:0 }
`,
  );
  // Into a file: nobody would read a pipe while a command is measured, and one that is full stops the registry.
  const log = join(folder, 'registry.log');
  const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'ignore', openSync(log, 'w')] });
  const ended = once(child, 'close').then(() =>
    Promise.reject(new Error(`docker-registry ended: ${readFileSync(log)}`)),
  );
  ended.catch(() => undefined);
  return { host: await Promise.race([ended, listeningAddress(log)]), end: () => child.kill() };
}

async function listeningAddress(log) {
  for (;;) {
    const address = /listening on (127\.0\.0\.1:\d+)/.exec(readFileSync(log, 'utf8'))?.[1];
    if (address !== undefined) return address;
    await setTimeout(20);
  }
}
