/**
 * Output of any length in bounded memory: the head and the tail are kept, what was between is counted.
 */
export class KeptOutput {
  readonly #headLimit: number;
  readonly #tailLimit: number;
  #head: Buffer[] = [];
  #headSize = 0;
  #tail: Buffer[] = [];
  #tailSize = 0;
  #total = 0;

  /** @param limit - bytes that are kept at most, half of them from the head */
  constructor(limit: number) {
    this.#headLimit = Math.ceil(limit / 2);
    this.#tailLimit = Math.floor(limit / 2);
  }

  /** Adds bytes; they are copied where they are kept. */
  push(chunk: Uint8Array): void {
    this.#total += chunk.length;
    const forHead = Math.min(chunk.length, this.#headLimit - this.#headSize);
    if (forHead > 0) this.#head.push(Buffer.from(chunk.subarray(0, forHead)));
    this.#headSize += forHead;
    const rest = chunk.subarray(forHead);
    if (rest.length === 0) return;
    const kept = Buffer.from(rest.subarray(Math.max(0, rest.length - this.#tailLimit)));
    this.#tail.push(kept);
    this.#tailSize += kept.length;
    // Twice the limit before it is cut, so that many small chunks do not cost a copy each.
    if (this.#tailSize > 2 * this.#tailLimit || this.#tail.length > 1024) this.#cutTail();
  }

  /** What was kept, as text; bytes that are not UTF-8 become U+FFFD. */
  text(): string {
    this.#cutTail();
    const head = Buffer.concat(this.#head);
    const tail = Buffer.concat(this.#tail);
    if (this.#total === head.length + tail.length) return decode(Buffer.concat([head, tail]));
    const first = withoutBrokenEnd(head);
    const last = withoutBrokenStart(tail);
    const cut = this.#total - first.length - last.length;
    return `${decode(first)}\n[… ${cut} bytes cut …]\n${decode(last)}`;
  }

  #cutTail(): void {
    const tail = Buffer.concat(this.#tail);
    const kept = Buffer.from(tail.subarray(Math.max(0, tail.length - this.#tailLimit)));
    this.#tail = [kept];
    this.#tailSize = kept.length;
  }
}

const decode = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;

/** Leaves out a last character of which only the first bytes are there. */
function withoutBrokenEnd(bytes: Buffer): Buffer {
  let start = bytes.length - 1;
  while (start > bytes.length - 4 && isContinuation(bytes[start])) start--;
  const lead = bytes[start] ?? 0;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  return start + length > bytes.length ? bytes.subarray(0, start) : bytes;
}

/** Leaves out the last bytes of a character whose first bytes are not there. */
function withoutBrokenStart(bytes: Buffer): Buffer {
  let start = 0;
  while (start < 3 && isContinuation(bytes[start])) start++;
  return bytes.subarray(start);
}
