import { digestHex } from '../core/digest.ts';
import { hasCode, SandboxError } from '../core/errors.ts';
import { archFrom, formatTarget } from '../core/target.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import type { InjectableArtifact } from './artifact.ts';
import type { Candidate } from './attempts.ts';
import { detectSandbox } from './detect-sandbox.ts';
import { verifyNeeds } from './elf-gate.ts';
import type { Injection } from './injection.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { placeAndProve } from './place-and-prove.ts';
import type { Placement, PlanStep } from './placement.ts';
import { findPlacement } from './reuse.ts';
import { sandboxUid } from './sandbox-user.ts';
import { byWhom, reasonOf, waysInto } from './ways.ts';

/**
 * Places a verified artifact into a sandbox and proves that it runs there, or finds the placement that is there.
 *
 * A tree is written under a fresh random name that nobody uses before it was read back, its health check answered and
 * the ledger knows it; a crash in between leaves a directory that nothing refers to.
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
  const { sandbox, artifact, signal } = injection;
  signal?.throwIfAborted();
  await verifyArchitecture(sandbox, artifact);
  const ledger = createLedger(injection.ledger);
  const known = await findPlacement(injection, ledger);
  if (known !== undefined) return known;
  await verifyNeeds(sandbox, artifact);
  const placement = await climb(injection, ledger);
  injection.reporter.notice({
    kind: 'step',
    text: `placed ${artifact.tool} v${artifact.version} in ${placement.directory}`,
  });
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

/** Tries every way in order until one is proven. */
async function climb(injection: Injection, ledger: Ledger): Promise<Placement> {
  const { sandbox, install, artifact } = injection;
  const uid = await sandboxUid(sandbox);
  const plan: PlanStep[] = [];
  for await (const option of waysInto({ sandbox, install, hasLinks: (artifact.tar.links ?? []).length > 0, uid })) {
    if ('usable' in option) plan.push(option);
    const placement = 'usable' in option ? undefined : await tryOne(injection, ledger, option, uid, plan);
    if (placement !== undefined) return placement;
  }
  throw notInjectable(sandbox, plan);
}

async function tryOne(
  injection: Injection,
  ledger: Ledger,
  candidate: Candidate,
  uid: number | undefined,
  plan: PlanStep[],
): Promise<Placement | undefined> {
  const { artifact, random } = injection;
  const suffix = Buffer.from(random(8)).toString('hex');
  const name = `${artifact.tool}-v${artifact.version}-${digestHex(artifact.digest).slice(0, 12)}-${suffix}`;
  const { rung, examination } = candidate;
  const step = { rung, parent: examination.parent };
  try {
    const placed = await placeAndProve(injection, candidate, name, uid);
    plan.push({ ...step, usable: true, reason: `placed ${byWhom(candidate)} and proven` });
    await ledger.record(injection.sandbox.identity, artifact.digest, placed.entry);
    return { ...placed.placement, plan };
  } catch (error) {
    if (!hasCode(error, 'NOT_INJECTABLE', 'EXEC_FAILED')) throw error;
    plan.push({ ...step, usable: false, reason: reasonOf(candidate, error) });
    return undefined;
  }
}

function notInjectable(sandbox: Sandbox, plan: readonly PlanStep[]): SandboxError {
  const lines = plan.map(({ rung, parent, reason }) => `${rung} in ${parent}: ${reason}`);
  return new SandboxError(
    'NOT_INJECTABLE',
    `nothing can be injected into ${sandbox.reference}:\n  ${lines.join('\n  ')}`,
    {
      hint: 'give the sandbox a directory that only root can write, or name another one under "install"',
      details: { sandbox: sandbox.reference, plan: lines },
    },
  );
}
