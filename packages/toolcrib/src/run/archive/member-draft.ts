import type { FileHandle } from 'node:fs/promises';
import { createDigester, verifyExpected, type Digest, type Digester } from '../../core/digest.ts';
import { onDisk } from '../../disk/storage-error.ts';
import { createNameless } from '../../disk/temporary.ts';

/** A member whose content is complete. Its bytes can be read again and again until the draft is discarded. */
export interface FinishedMember {
  readonly path: string;
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly size: number;
  readonly digest: Digest;
}

/** A member of an archive while its content comes. */
export interface MemberDraft {
  /**
   * Takes text in: whole lines with their ends, or a document. Never waits and never throws: what goes wrong is told by
   * {@link MemberDraft.finish}, because the command that is recorded must not end for it.
   */
  append(text: string): void;
  /** Resolves as soon as little is waiting to be written: whoever appends a lot waits here now and then. */
  settled(): Promise<void>;
  /** @throws RemoteError `STORAGE` when something could not be written; what the judge of the text said. */
  finish(): Promise<FinishedMember>;
  /** Closes what is open; nothing of it can be read any more. */
  discard(): Promise<void>;
}

/** How a member is kept until the archive is written. */
export interface MemberOptions {
  readonly path: string;
  /** Where what does not fit into memory goes: in a file that has no name any more. */
  readonly directory: string;
  /** Looks at every piece of text before it is kept; what it throws refuses the member. */
  readonly judge: (text: string) => void;
}

/** Text is judged, encoded and hashed in pieces of about so many characters. */
const PIECE = 64 * 1024;
/** A member of at most so many bytes stays in memory. */
const IN_MEMORY = 4 * 1024 * 1024;
/** Bytes that are read at once. */
const BLOCK = 256 * 1024;
/** So many bytes may wait to be written. */
const WAITING = 1024 * 1024;

export function createMemberDraft(options: MemberOptions): MemberDraft {
  return new Draft(options);
}

class Draft implements MemberDraft {
  readonly #options: MemberOptions;
  readonly #digester: Digester = createDigester();
  #text = '';
  /** Bytes that are not in the file. */
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #file: FileHandle | undefined;
  #written = 0;
  #writing: Promise<void> | undefined;
  #failure: { readonly reason: unknown } | undefined;

  constructor(options: MemberOptions) {
    this.#options = options;
  }

  append(text: string): void {
    if (this.#failure !== undefined) return;
    this.#text += text;
    if (this.#text.length >= PIECE) this.#cut();
  }

  async settled(): Promise<void> {
    while (this.#writing !== undefined && this.#waitingBytes > WAITING) await this.#writing;
  }

  async finish(): Promise<FinishedMember> {
    this.#cut();
    if (this.#file !== undefined || this.#writing !== undefined) await this.#flush();
    if (this.#failure !== undefined) throw this.#failure.reason;
    const { path } = this.#options;
    const size = this.#digester.size;
    const digest = this.#digester.finish();
    const kept = this.#file ?? this.#waiting;
    return {
      path,
      size,
      digest,
      bytes: { [Symbol.asyncIterator]: () => verified(path, piecesOf(kept, size), digest) },
    };
  }

  async discard(): Promise<void> {
    this.#failure ??= { reason: new Error('the member was discarded') };
    while (this.#writing !== undefined) await this.#writing;
    this.#waiting = [];
    await this.#file?.close();
    this.#file = undefined;
  }

  /** Makes a piece of the text that has come. */
  #cut(): void {
    if (this.#text === '' || this.#failure !== undefined) return;
    try {
      this.#options.judge(this.#text);
    } catch (error) {
      this.#fail(error);
      return;
    }
    const bytes = Buffer.from(this.#text);
    this.#text = '';
    this.#digester.update(bytes);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.byteLength;
    if (this.#file !== undefined || this.#waitingBytes > IN_MEMORY) this.#spill();
  }

  async #flush(): Promise<void> {
    while (this.#spill()) await this.#writing;
  }

  /** @returns whether something is being written. */
  #spill(): boolean {
    if (this.#writing !== undefined) return true;
    if (this.#waiting.length === 0) return false;
    this.#writing = this.#write()
      .catch((error: unknown) => {
        this.#fail(error);
      })
      .finally(() => {
        this.#writing = undefined;
      });
    return true;
  }

  async #write(): Promise<void> {
    const { directory, path } = this.#options;
    const file = (this.#file ??= await createNameless(directory));
    while (this.#waiting.length > 0) {
      const pieces = this.#waiting;
      this.#waiting = [];
      const bytes = await onDisk('keep', `${path} in ${directory}`, () => writeAll(file, pieces, this.#written));
      this.#written += bytes;
      this.#waitingBytes = Math.max(0, this.#waitingBytes - bytes);
    }
  }

  /** From now on nothing is kept: memory must not grow with what cannot be written. */
  #fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#text = '';
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}

/** Pieces that are read again: what stands in memory, or in a file of `size` bytes. */
async function* piecesOf(kept: FileHandle | readonly Uint8Array[], size: number): AsyncGenerator<Uint8Array> {
  if (!('read' in kept)) {
    yield* kept;
    return;
  }
  for (let at = 0; at < size;) {
    const { bytesRead, buffer } = await kept.read(Buffer.allocUnsafe(BLOCK), 0, BLOCK, at);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}

/** The same pieces; their digest is compared before the last one goes out. */
async function* verified(
  path: string,
  pieces: AsyncIterable<Uint8Array>,
  expected: Digest,
): AsyncGenerator<Uint8Array> {
  const digester = createDigester();
  let held: Uint8Array | undefined;
  for await (const piece of pieces) {
    digester.update(piece);
    if (held !== undefined) yield held;
    held = piece;
  }
  verifyExpected(path, { digest: expected }, { digest: digester.finish(), size: digester.size });
  if (held !== undefined) yield held;
}

async function writeAll(handle: FileHandle, pieces: readonly Uint8Array[], at: number): Promise<number> {
  const bytes = pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
  for (let written = 0; written < bytes.byteLength;) {
    written += (await handle.write(bytes, written, bytes.byteLength - written, at + written)).bytesWritten;
  }
  return bytes.byteLength;
}
