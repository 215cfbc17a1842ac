import { placementTar, verifiedTar } from '../tree.ts';
import { namesToMake, type Attempt } from './attempt.ts';

/**
 * Lets the engine unpack. It follows links that stand in its way, so every component was examined before and is again
 * afterwards; only who can write one of them (root in the sandbox) can put a link there in between.
 * @throws SandboxError `NOT_INJECTABLE` with the engine's own words; IntegrityError when the artifact's bytes are wrong.
 */
export async function placeByArchive(attempt: Attempt): Promise<void> {
  const { sandbox, artifact, examination, progress, signal } = attempt;
  const bytes = verifiedTar(artifact, signal, (count) => progress.advance(count));
  await sandbox.unpackTar(examination.existing, placementTar(artifact, namesToMake(attempt), bytes));
}
