/** What a path held before and after an edit; undefined: there was no file. */
export interface Step {
  readonly before: Buffer | undefined;
  readonly after: Buffer;
}

/** Levels of undo for one path. */
const levelsLimit = 10;
/** Bytes that the whole history keeps at most; the oldest steps go first. */
const bytesLimit = 64 * 1024 * 1024;

/** What edits replaced, in bounded memory. */
export class EditHistory {
  #steps: { readonly path: string; readonly step: Step }[] = [];

  /** Remembers an edit. */
  push(path: string, step: Step): void {
    this.#steps.push({ path, step });
    const ofPath = this.#steps.filter((entry) => entry.path === path);
    const [oldest] = ofPath;
    if (ofPath.length > levelsLimit) this.#steps = this.#steps.filter((entry) => entry !== oldest);
    while (this.#size() > bytesLimit && this.#steps.length > 1) this.#steps.shift();
  }

  /** The last edit of a path. */
  last(path: string): Step | undefined {
    return this.#steps.findLast((entry) => entry.path === path)?.step;
  }

  /** Forgets the last edit of a path. */
  pop(path: string): void {
    const index = this.#steps.findLastIndex((entry) => entry.path === path);
    if (index >= 0) this.#steps.splice(index, 1);
  }

  #size(): number {
    return this.#steps.reduce((sum, { step }) => sum + (step.before?.length ?? 0) + step.after.length, 0);
  }
}
