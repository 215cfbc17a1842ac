import { posix } from 'node:path';
import { SandboxError } from '../../core/errors.ts';
import { collectOutput, tailOf, watchedOutput } from '../output.ts';
import { verifyReadBack } from '../read-back.ts';
import { placementTar, verifiedTar } from '../tree.ts';
import { directoryOf, namesToMake, requireProgram, startProgram, type Attempt, type PlacedTree } from './attempt.ts';

/**
 * Streams into the sandbox's own `tar`.
 * @throws SandboxError `NOT_INJECTABLE` with what tar said; IntegrityError when the artifact's bytes are wrong.
 */
export async function placeByTar(attempt: Attempt): Promise<void> {
  const { sandbox, artifact, examination, progress, signal } = attempt;
  if (sandbox.uploader !== undefined) {
    await uploadTar(attempt);
    return;
  }
  const tar = await requireProgram(attempt, 'tar');
  const bytes = verifiedTar(artifact, signal, (count) => progress.advance(count));
  const argv = [tar, '-x', '-p', '-f', '-', '-C', sandbox.programPath(examination.existing)];
  const process = await startProgram(attempt, argv, true);
  const output = await collectOutput(process, placementTar(artifact, namesToMake(attempt), bytes));
  if (output.code === 0) return;
  throw new SandboxError('NOT_INJECTABLE', `${tar} ended with ${output.code}: ${tailOf(output)}`);
}

/**
 * Through a file, because a long stream may break; the sandbox's own `tar` unpacks it. The file is in the fresh directory:
 * what takes that away takes the file along, and one that stays there is found when the tree is read back.
 */
async function uploadTar(attempt: Attempt): Promise<void> {
  const { sandbox, artifact, examination, user, progress, signal } = attempt;
  await requireProgram(attempt, 'tar');
  const bytes = verifiedTar(artifact, signal, (count) => progress.advance(count));
  const tar = placementTar(artifact, namesToMake(attempt), bytes);
  await sandbox.unpackTar(examination.existing, tar, { spool: directoryOf(attempt), user });
}

/**
 * Reads back through the sandbox's own `tar`, where the engine cannot look. That is as good as that program is.
 * @throws as {@link verifyReadBack}.
 */
export async function readBackByTar(placed: PlacedTree): Promise<void> {
  const { sandbox, artifact, directory, signal, moved } = placed;
  const context = { sandbox, signal, user: undefined };
  const name = posix.basename(directory);
  const parent = sandbox.programPath(posix.dirname(directory));
  const argv = [await requireProgram(context, 'tar'), '-c', '-f', '-', '-C', parent, name];
  const process = await startProgram(context, argv, false);
  process.stderr.resume();
  await verifyReadBack({
    artifact,
    name,
    tar: watchedOutput(process.stdout, moved, 2 * artifact.tar.size),
    owner: undefined,
    signal,
  });
}
