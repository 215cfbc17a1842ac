import { DEFAULT_INSTALL } from '../config/install.ts';
import type { Digest } from '../core/digest.ts';
import { NotFoundError } from '../core/errors.ts';
import { quoted } from '../core/printable.ts';
import { readPackExtensions } from '../extensions/declared-extensions.ts';
import { parseExtRef } from '../extensions/ext-ref.ts';
import { dataArtifact, dataName } from '../inject/data-artifact.ts';
import { ejectTool as eject } from '../inject/eject-tool.ts';
import { injectTool as inject } from '../inject/inject-tool.ts';
import type { Placement } from '../inject/placement.ts';
import type { Ejection } from './eject-tool.ts';
import type { Host } from './host.ts';
import { packDirectoryOf } from './open-extensions.ts';
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

/** What was taken away of an extension. */
export interface ComponentEjection extends Ejection {
  readonly extension: string;
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
 * Takes every component of an extension out of a sandbox again. One that is not declared any more is taken out, too.
 * @throws NotFoundError `NOT_FOUND` when nothing of it is known to be there and it is not declared; UsageError
 * `REFERENCE_INVALID`, `CONFIG_INVALID`; as `inject/eject-tool.ts`; as `openSandbox`.
 */
export async function ejectExtension(
  host: Host,
  options: Pick<ResolveExtensionOptions, 'pack'> & { readonly reference: string; readonly sandbox: string },
): Promise<ComponentEjection> {
  const { extensionId } = parseExtRef(options.reference);
  const tool = toolOf(extensionId);
  const sandbox = await openSandbox(host, options.sandbox);
  try {
    const { ledgerDirectory: ledger, clock, reporter, signal } = host;
    const request = { sandbox, tool, versions: undefined, ledger, clock, reporter, signal };
    const directories = await eject(request);
    if (directories.length === 0 && !(await isDeclared(packDirectoryOf(host, options.pack), extensionId))) {
      throw unknownExtension(extensionId, sandbox.reference);
    }
    return { extension: extensionId, sandbox: sandbox.reference, tool, versions: null, directories };
  } finally {
    await sandbox.close();
  }
}

async function isDeclared(packDirectory: string, extensionId: string): Promise<boolean> {
  const declared = await readPackExtensions(packDirectory);
  return declared?.extensions.some(({ id }) => id === extensionId) === true;
}

function unknownExtension(id: string, sandbox: string): NotFoundError {
  const what = `nothing of extension ${quoted(id)} is known to be in ${sandbox}, and it is not declared`;
  return new NotFoundError('NOT_FOUND', what, {
    hint: 'correct the id; --pack DIR names the directory of the pack that declares it',
    details: { extension: id, sandbox },
  });
}

function toolOf(extensionId: string): string {
  return dataName('ext', extensionId);
}
