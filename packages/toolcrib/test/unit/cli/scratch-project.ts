import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A folder that goes away at the end of its `await using` scope: concurrent tests cannot say so in any other way. */
export interface ScratchProject extends AsyncDisposable {
  readonly folder: string;
  write(path: string, text: string | Uint8Array): Promise<void>;
}

/** @param files by relative path; what is no text becomes JSON. */
export async function scratchProject(files: Readonly<Record<string, unknown>> = {}): Promise<ScratchProject> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'toolcrib-cli-')));
  const write = async (path: string, text: string | Uint8Array): Promise<void> => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  };
  for (const [path, content] of Object.entries(files)) {
    await write(path, typeof content === 'string' ? content : JSON.stringify(content));
  }
  return { folder, write, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}
