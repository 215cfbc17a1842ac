import { SandboxError } from '../core/errors.ts';
import { archFrom, formatTarget } from '../core/target.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import type { InjectableArtifact } from './artifact.ts';
import { climb } from './climb.ts';
import { detectSandbox } from './detect-sandbox.ts';
import { verifyNeeds } from './elf-gate.ts';
import { underPlacementLock } from './injection-lock.ts';
import type { Injection } from './injection.ts';
import { tellingInterruptedWait } from './interrupted-wait.ts';
import { collectLeftovers } from './leftovers.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { findMounted } from './mounted.ts';
import type { Placement } from './placement.ts';
import { findPlacement } from './reuse.ts';

/**
 * Places a verified artifact into a sandbox and proves that it runs there, or finds the placement or the mount that is there.
 *
 * A tree is written under a fresh random name that nobody uses before it was read back, its health check answered and
 * the ledger knows it. The name is noted on the host before the first byte is written; what a crash in between leaves is
 * taken away by the next injection, or by `ejectTool`.
 *
 * **What is proven:** that at the moment of placement the files in the sandbox were the artifact's, to the byte, mode
 * and owner, and that a program started from there returned the nonce. **What is not:** that root in the sandbox did
 * not answer in the tool's stead, nor that it left the tree alone since: `protection` says against whom it holds.
 * @throws SandboxError `NO_TARGET_FITS` before a byte is sent when the architecture is another one, or when something is
 * missing there that the artifact cannot start without; `NOT_INJECTABLE`
 * with the plan in `details.plan`; `SANDBOX_STATE`; IntegrityError `VERSION_MISMATCH`, or `DIGEST_MISMATCH` and
 * `SIZE_MISMATCH` when the artifact's tar is not what it should be; RemoteError `UNREACHABLE`, `STORAGE`.
 */
export async function injectTool(injection: Injection): Promise<Placement> {
  injection.signal?.throwIfAborted();
  const { reference } = injection.sandbox;
  return await tellingInterruptedWait({ ...injection, reference }, () => injectNow(injection));
}

async function injectNow(injection: Injection): Promise<Placement> {
  const { sandbox, artifact } = injection;
  if (artifact.isData !== true) await verifyArchitecture(sandbox, artifact);
  const mounted = injection.isCopyWanted === true ? undefined : await findMounted(injection);
  if (mounted !== undefined) return mounted;
  const ledger = createLedger(injection.ledger);
  const { placement, unusable } = await findPlacement(injection, ledger);
  if (placement !== undefined) return placement;
  if (artifact.isData !== true) await verifyNeeds(sandbox, artifact);
  return await placeOnce(injection, ledger, unusable);
}

/**
 * Of several injections at the same time one places; the others wait for it and use what it placed.
 * @param unusable the directory that was found unusable just now: it is not waited for.
 */
async function placeOnce(injection: Injection, ledger: Ledger, unusable: string | undefined): Promise<Placement> {
  const { sandbox, artifact } = injection;
  const hasNews = async () => {
    const entry = await ledger.find(sandbox.identity, artifact.digest);
    return entry !== undefined && entry.directory !== unusable;
  };
  const place = async () => {
    const known = (await hasNews()) ? (await findPlacement(injection, ledger)).placement : undefined;
    return known ?? (await placeAnew(injection, ledger));
  };
  const locked = { ...injection, digest: artifact.digest };
  const placed = await underPlacementLock<Placement | 'news'>(locked, place, async () =>
    (await hasNews()) ? 'news' : undefined,
  );
  if (placed !== 'news') return placed;
  // Outside of the lock, so that those who waited prove it at the same time.
  const found = await findPlacement(injection, ledger);
  return found.placement ?? (await placeOnce(injection, ledger, found.unusable));
}

async function placeAnew(injection: Injection, ledger: Ledger): Promise<Placement> {
  const { artifact, reporter } = injection;
  const stayed = await collectLeftovers(injection);
  const placement = await climb(injection, ledger);
  await collectLeftovers(injection, stayed);
  const { directory } = placement;
  // Of a file that is no program the result tells the path that programs see.
  const seen = artifact.isData === true ? injection.sandbox.programPath(directory) : directory;
  const text = `placed ${artifact.tool} v${artifact.version} in ${seen}`;
  reporter.notice({ kind: 'step', text });
  return placement;
}

/** The engine's word decides only where it agrees: its programs tell what an imported image is really for. */
async function verifyArchitecture(sandbox: Sandbox, artifact: InjectableArtifact): Promise<void> {
  const name = sandbox.identity.arch;
  if (name === undefined || archFrom(name) === artifact.target.arch) return;
  if ((await detectSandbox(sandbox)).arch === artifact.target.arch) return;
  throw new SandboxError(
    'NO_TARGET_FITS',
    `${sandbox.reference} is ${name}, but ${artifact.tool} v${artifact.version} is for ${formatTarget(artifact.target)}`,
    {
      hint: 'nothing was sent; choose a target of that architecture',
      details: { sandbox: sandbox.reference, arch: name },
    },
  );
}
