import { SandboxError } from '../../core/errors.ts';
import type { ExamineWay, NamespaceTree, SandboxNamespace } from '../../sandboxes/sandbox.ts';
import type { TarEntry } from '../../tar/write.ts';
import type { InjectableArtifact } from '../artifact.ts';
import { copyingRefusal, examineWay, type ParentExamination } from '../examine-parent.ts';
import { verifyMembers } from '../read-back.ts';
import { DIRECTORY_MODE, directoriesOf, membersOf, verifiedTar } from '../tree.ts';
import { directoryOf, type Attempt, type PlacedTree } from './attempt.ts';

/**
 * Writes from this machine, through the sandbox's mount namespace, and reads back there before anything of it counts. No
 * directory that was examined can be exchanged for a link meanwhile, because each is held open.
 * @param uid the sandbox's own user; undefined when it is not known.
 * @throws SandboxError `NOT_INJECTABLE` naming what could not be done, or the first difference; IntegrityError when the
 * artifact's bytes are wrong; the signal's reason.
 */
export async function placeByNamespace(attempt: Attempt, uid: number | undefined): Promise<void> {
  const { sandbox, artifact, examination, progress, signal, moved } = attempt;
  const bytes = verifiedTar(artifact, signal, (count) => progress.advance(count));
  const examine: ExamineWay = async (way) => {
    const { parent } = examination;
    verifyAsBefore(examination, await examineWay(sandbox, parent, uid, way));
  };
  const path = directoryOf(attempt);
  const tree = { path, examine, ...verification(artifact, signal, moved) };
  await requireNamespace(sandbox).place({ ...tree, entries: entriesOf(artifact, bytes) });
}

/**
 * Reads back from this machine, through the sandbox's mount namespace.
 * @throws SandboxError `NOT_INJECTABLE` naming the first difference; the signal's reason.
 */
export async function readBackByNamespace(placed: PlacedTree): Promise<void> {
  const { sandbox, artifact, directory, signal, moved } = placed;
  const examine: ExamineWay = (way) => {
    const stranger = way.find(({ kind }) => kind !== 'directory');
    if (stranger === undefined) return Promise.resolve();
    return Promise.reject(new SandboxError('NOT_INJECTABLE', `${stranger.path} is a ${stranger.kind} now`));
  };
  await requireNamespace(sandbox).read({ path: directory, examine, ...verification(artifact, signal, moved) });
}

function verification(
  artifact: InjectableArtifact,
  signal: AbortSignal | undefined,
  moved: () => void,
): Pick<NamespaceTree, 'verify' | 'signal'> {
  return { signal, verify: (members) => verifyMembers({ artifact, members, owner: 0, signal, moved }) };
}

/** @throws SandboxError `NOT_INJECTABLE` where it cannot be entered. */
function requireNamespace({ namespace }: Attempt['sandbox']): SandboxNamespace {
  if (namespace !== undefined && !('closed' in namespace)) return namespace;
  throw new SandboxError('NOT_INJECTABLE', namespace?.closed ?? 'there is no mount namespace to enter');
}

/** What the plan and the stated protection rest on must hold while it is written. */
function verifyAsBefore(before: ParentExamination, now: ParentExamination): void {
  const news = now.weaknesses.find((weakness) => !before.weaknesses.includes(weakness));
  const reason = copyingRefusal(now) ?? news;
  if (reason !== undefined) throw new SandboxError('NOT_INJECTABLE', `meanwhile ${reason}`);
}

async function* entriesOf(artifact: InjectableArtifact, tar: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  for (const path of directoriesOf(artifact)) yield { path, kind: 'directory', mode: DIRECTORY_MODE };
  yield* membersOf(artifact, tar);
}
