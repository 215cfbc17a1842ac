import { resolve } from 'node:path';
import { parseSandboxReference, type SandboxReference } from '../core/reference.ts';
import { tellingInterruptedWait } from '../inject/interrupted-wait.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import type { Host } from './host.ts';

/**
 * Opens the sandbox that a reference names; who opens it closes it.
 * @throws UsageError `REFERENCE_INVALID`; NotFoundError `SANDBOX_NOT_FOUND`; SandboxError `SANDBOX_STATE`; RemoteError
 * `UNREACHABLE`, `OFFLINE`.
 */
export async function openSandbox(host: Host, text: string): Promise<Sandbox> {
  const reference = parseSandboxReference(text);
  return await tellingInterruptedWait({ ...host, reference: text }, () => open(host, text, reference));
}

async function open(host: Host, text: string, reference: SandboxReference): Promise<Sandbox> {
  // Not the host's signal: after an abort the connection is needed to take away what was half placed.
  const options = { env: host.env };
  switch (reference.kind) {
    case 'docker':
    case 'podman': {
      const { openDockerSandbox } = await import('../sandboxes/docker/docker-sandbox.ts');
      return await openDockerSandbox(reference.name, { ...options, scheme: reference.kind, offline: host.offline });
    }
    case 'exec': {
      const { openExecSandbox } = await import('../sandboxes/exec/exec-sandbox.ts');
      const { clock, random } = host;
      return await openExecSandbox(reference.prefix, { ...options, reference: text, clock, random });
    }
    case 'local': {
      const { openLocalSandbox } = await import('../sandboxes/local/local-sandbox.ts');
      return await openLocalSandbox(resolve(host.cwd, reference.directory), options);
    }
  }
}
