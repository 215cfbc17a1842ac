import { DEFAULT_INSTALL } from '../config/install.ts';
import type { Digest } from '../core/digest.ts';
import { parseExtRef } from '../extensions/ext-ref.ts';
import { dataArtifact, dataName } from '../inject/data-artifact.ts';
import { ejectTool as eject } from '../inject/eject-tool.ts';
import { injectTool as inject } from '../inject/inject-tool.ts';
import type { Placement } from '../inject/placement.ts';
import type { Ejection } from './eject-tool.ts';
import type { Host } from './host.ts';
import { openSandbox } from './open-sandbox.ts';
import type { Project } from './project.ts';
import { resolveExtension, type ResolveExtensionOptions } from './resolve-extension.ts';

/** A component that stands in a sandbox. */
export interface PlacedComponent extends Pick<
  Placement,
  'sandbox' | 'directory' | 'rung' | 'protection' | 'why' | 'readBack' | 'provenAt' | 'reused' | 'plan'
> {
  readonly extension: string;
  /** Of the component. */
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
  /** Of the component, as programs of the sandbox see it. */
  readonly path: string;
  /** Its bytes were read back; a component is no program that could answer a health check. */
  readonly proof: 'bytes';
}

const FILE = 'component.wasm';

/**
 * Resolves the component of an extension and places it into a sandbox like any artifact, read back; a placement that is there
 * and still proven is used again.
 * @throws as `resolveExtension`, as `inject/inject-tool.ts`; as `openSandbox`.
 */
export async function injectExtension(
  project: Project,
  host: Host,
  options: ResolveExtensionOptions & { readonly reference: string; readonly sandbox: string },
): Promise<PlacedComponent> {
  const { extensionId, bytes, digest } = await resolveExtension(project, host, options.reference, options);
  const sandbox = await openSandbox(host, options.sandbox);
  try {
    const { ledgerDirectory: ledger, clock, random, reporter, signal } = host;
    const artifact = await dataArtifact({ tool: toolOf(extensionId), name: FILE, bytes, digest });
    const install = project.config?.install ?? DEFAULT_INSTALL;
    const placement = await inject({
      ...{ sandbox, artifact, install, ledger, clock, random, reporter, signal },
    });
    const { directory, rung, protection, why, readBack, provenAt, reused, plan } = placement;
    return {
      extension: extensionId,
      digest,
      size: bytes.byteLength,
      path: `${sandbox.programPath(directory)}/${FILE}`,
      proof: 'bytes',
      ...{ sandbox: placement.sandbox, directory, rung, protection, why, readBack, provenAt, reused, plan },
    };
  } finally {
    await sandbox.close();
  }
}

/**
 * Takes every component of an extension out of a sandbox again.
 * @throws UsageError `REFERENCE_INVALID`; as `inject/eject-tool.ts`; as `openSandbox`.
 */
export async function ejectExtension(
  host: Host,
  options: { readonly reference: string; readonly sandbox: string },
): Promise<Ejection> {
  const tool = toolOf(parseExtRef(options.reference).extensionId);
  const sandbox = await openSandbox(host, options.sandbox);
  try {
    const { ledgerDirectory: ledger, clock, reporter, signal } = host;
    const request = { sandbox, tool, versions: undefined, ledger, clock, reporter, signal };
    return { sandbox: sandbox.reference, tool, versions: null, directories: await eject(request) };
  } finally {
    await sandbox.close();
  }
}

function toolOf(extensionId: string): string {
  return dataName('ext', extensionId);
}
