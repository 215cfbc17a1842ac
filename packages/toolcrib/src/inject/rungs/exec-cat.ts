import { SandboxError } from '../../core/errors.ts';
import type { InjectableArtifact } from '../artifact.ts';
import { collectOutput, tailOf, watchedOutput, type ProgramOutput } from '../output.ts';
import { differs, verifyContent } from '../read-back.ts';
import { directoriesOf, membersOf, placedMode, verifiedTar } from '../tree.ts';
import {
  directoryOf,
  requireProgram,
  startProgram,
  type Attempt,
  type PlacedTree,
  type ProgramContext,
} from './attempt.ts';

// Programs come as absolute paths that were examined: what PATH finds may be an agent's.
const MAKE = 'umask 022; mkdir=$1; shift; for d do "$mkdir" -p -- "$d" || exit 1; done';
const WRITE = 'umask 022; "$1" > "$3" && "$2" "$4" "$3"';
/** Every entry below a directory with what it is: d, l, x (executable file), f, o (anything else). */
const LIST = `list() { for f in "$1"/* "$1"/.[!.]* "$1"/..?*; do
  if [ -L "$f" ]; then echo "l $f"
  elif [ -d "$f" ]; then echo "d $f"; list "$f"
  elif [ -f "$f" ]; then if [ -x "$f" ]; then echo "x $f"; else echo "f $f"; fi
  elif [ -e "$f" ]; then echo "o $f"; fi; done; }
list "$1"`;

/**
 * Streams file by file into the sandbox's own shell and `cat`.
 * @throws SandboxError `NOT_INJECTABLE` with what they said; IntegrityError when the artifact's bytes are wrong.
 */
export async function placeByCat(attempt: Attempt): Promise<void> {
  const { artifact, progress, signal } = attempt;
  verifyNames(attempt);
  const sh = await requireProgram(attempt, 'sh');
  const mkdir = await requireProgram(attempt, 'mkdir');
  const cat = await requireProgram(attempt, 'cat');
  const chmod = await requireProgram(attempt, 'chmod');
  const root = attempt.sandbox.programPath(directoryOf(attempt));
  const directories = [root, ...directoriesOf(artifact).map((path) => `${root}/${path}`)];
  verifyDone('make the directories', await script(attempt, sh, MAKE, [mkdir, ...directories]));
  const bytes = verifiedTar(artifact, signal, (count) => progress.advance(count));
  for await (const member of membersOf(artifact, bytes)) {
    const path = `${root}/${member.path}`;
    const { uploader } = attempt.sandbox;
    if (uploader !== undefined) await uploader.writeFile({ path, mode: member.mode, bytes: member.bytes, signal });
    else {
      const args = [cat, chmod, path, member.mode.toString(8)];
      verifyDone(`write ${member.path}`, await script(attempt, sh, WRITE, args, member.bytes));
    }
    attempt.moved();
  }
}

/**
 * Reads back through the sandbox's own shell and `cat`, where the engine cannot look.
 * @throws SandboxError `NOT_INJECTABLE` naming the first difference.
 */
export async function readBackByCat(placed: PlacedTree): Promise<void> {
  const { sandbox, artifact, directory, signal, moved } = placed;
  const context = { sandbox, signal, user: undefined };
  const sh = await requireProgram(context, 'sh');
  const cat = await requireProgram(context, 'cat');
  const root = sandbox.programPath(directory);
  const listed = await script(context, sh, LIST, [root]);
  verifyDone('list the placement', listed);
  verifyListing(artifact, root, listed.stdout);
  for (const file of artifact.tar.files) {
    const process = await startProgram(context, [cat, '--', `${root}/${file.path}`], false);
    process.stderr.resume();
    await verifyContent(file, watchedOutput(process.stdout, moved));
  }
}

function verifyListing(artifact: InjectableArtifact, root: string, listing: string): void {
  const lines = listing.split('\n').filter((line) => line !== '');
  const directories = directoriesOf(artifact).map((path) => `d ${root}/${path}`);
  const files = artifact.tar.files.map(({ path, mode }) => `${placedMode(mode) === 0o755 ? 'x' : 'f'} ${root}/${path}`);
  const expected = new Set([...directories, ...files]);
  const strange = lines.find((line) => !expected.delete(line));
  if (strange !== undefined) throw differs(`${JSON.stringify(strange.slice(2))} does not belong there`);
  const [missing] = expected;
  if (missing !== undefined) throw differs(`${JSON.stringify(missing.slice(2))} is missing`);
}

function verifyNames(attempt: Attempt): void {
  const { files, links = [] } = attempt.artifact.tar;
  if (links.length === 0 && !files.some(({ path }) => path.includes('\n'))) return;
  throw new SandboxError('NOT_INJECTABLE', 'the tree holds links or names with newlines, which need tar');
}

async function script(
  context: ProgramContext,
  sh: string,
  text: string,
  args: readonly string[],
  input?: AsyncIterable<Uint8Array>,
): Promise<ProgramOutput> {
  const argv = [sh, '-c', text, 'sh', ...args];
  return await collectOutput(await startProgram(context, argv, input !== undefined), input);
}

function verifyDone(what: string, output: ProgramOutput): void {
  if (output.code === 0) return;
  throw new SandboxError('NOT_INJECTABLE', `the sandbox's shell could not ${what}: ${tailOf(output)}`);
}
