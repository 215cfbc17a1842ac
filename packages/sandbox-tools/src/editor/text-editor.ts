import { statSync, unlinkSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { viewDirectory } from './directory-view.ts';
import { EditHistory } from './edit-history.ts';
import { codeOf, readCurrent, realPathOf, writeWhole, type CurrentFile } from './edited-file.ts';
import { decodeText, encodeText, inEndingsOf, type TextContent } from './text-content.ts';
import { EditError, insertLines, replaceOnce, viewEdit, viewLines, type Edited } from './text-edits.ts';

/** One call of the `text_editor` tool. */
export interface EditorCall {
  readonly command: 'view' | 'create' | 'str_replace' | 'insert' | 'undo_edit';
  readonly path: string;
  readonly file_text?: string | undefined;
  readonly old_str?: string | undefined;
  readonly new_str?: string | undefined;
  readonly insert_line?: number | undefined;
  readonly view_range?: readonly [number, number] | undefined;
}

/** The `text_editor` tool: its calls are synchronous, so that two of them never mix. */
export class TextEditor {
  readonly #random: () => string;
  readonly #history = new EditHistory();

  constructor(random: () => string) {
    this.#random = random;
  }

  /** Serves a call. @throws {EditError} with a message for the caller when it cannot be done. */
  call(call: EditorCall): string {
    if (!isAbsolute(call.path))
      throw new EditError(`The path ${call.path} is not absolute. Give a path that begins with "/".`);
    if (call.path.includes('\0')) throw new EditError('The path contains a NUL character. Remove it.');
    try {
      return this.#serve(call);
    } catch (error) {
      const advice = advices[codeOf(error)];
      if (advice === undefined) throw error;
      throw new EditError(`${call.path}: ${advice} (${codeOf(error)})`, { cause: error });
    }
  }

  #serve(call: EditorCall): string {
    if (call.command === 'view') return view(call);
    const path = realPathOf(call.path);
    if (isDirectory(path)) throw new EditError(`${call.path} is a directory. Only view works on it.`);
    if (call.command === 'create') return this.#create(path, required(call.file_text, 'create', 'file_text'));
    if (call.command === 'undo_edit') return this.#undo(path);
    const current = readCurrent(path) ?? missing(call.path);
    const content = textOf(current, call.path);
    return this.#store(path, current, content, edit(call, content));
  }

  #create(path: string, text: string): string {
    const current = readCurrent(path);
    this.#write(path, current, Buffer.from(text, 'utf8'));
    return current === undefined ? `Created ${path}.` : `Overwrote ${path}; undo_edit brings the old text back.`;
  }

  #store(path: string, current: CurrentFile, content: TextContent, edited: Edited): string {
    this.#write(path, current, encodeText({ ...content, text: edited.text }));
    return `Edited ${path}:\n${viewEdit(edited)}`;
  }

  #write(path: string, current: CurrentFile | undefined, after: Buffer): void {
    writeWhole(path, after, current?.stats, this.#random());
    this.#history.push(path, { before: current?.bytes, after });
  }

  #undo(path: string): string {
    const step = this.#history.last(path);
    if (step === undefined) throw new EditError(`There is no edit of ${path} to undo.`);
    const current = readCurrent(path);
    if (current?.bytes.equals(step.after) !== true)
      throw new EditError(
        `${path} was changed by something else since its last edit; undo_edit would lose that. Edit it by hand.`,
      );
    if (step.before === undefined) unlinkSync(path);
    else writeWhole(path, step.before, current.stats, this.#random());
    this.#history.pop(path);
    return step.before === undefined ? `Removed ${path}, which create had made.` : `Undid the last edit of ${path}.`;
  }
}

function view(call: EditorCall): string {
  if (isDirectory(call.path)) {
    if (call.view_range !== undefined) throw new EditError(`${call.path} is a directory: leave view_range out.`);
    return viewDirectory(call.path);
  }
  return viewLines(textOf(readCurrent(call.path) ?? missing(call.path), call.path).text, call.view_range);
}

function edit(call: EditorCall, content: TextContent): Edited {
  if (call.command === 'insert') {
    const line = required(call.insert_line, 'insert', 'insert_line');
    return insertLines(content.text, line, inEndingsOf(content, required(call.new_str, 'insert', 'new_str')));
  }
  const old = inEndingsOf(content, required(call.old_str, 'str_replace', 'old_str'));
  return replaceOnce(content.text, old, inEndingsOf(content, call.new_str ?? ''));
}

function textOf(current: CurrentFile, path: string): TextContent {
  const content = decodeText(current.bytes);
  if (content === undefined)
    throw new EditError(`${path} is binary or not UTF-8; it was not touched. Use bash for it.`);
  return content;
}

function missing(path: string): never {
  throw new EditError(`${path} does not exist. Check the path, or make the file with create.`);
}

function required<T>(value: T | undefined, command: string, name: string): T {
  if (value === undefined) throw new EditError(`${command} needs ${name}.`);
  return value;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

const advices: Readonly<Record<string, string>> = {
  EACCES: 'this user may not do that there',
  EPERM: 'this user may not do that there',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left on the device',
  EDQUOT: 'the quota of this user is used up',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'it is a directory',
  ENOENT: 'a part of the path does not exist',
  ELOOP: 'too many symbolic links',
  ENAMETOOLONG: 'the path is too long',
  ETXTBSY: 'the file is being executed',
  EBUSY: 'the file is in use',
  EIO: 'the device failed',
  EINVAL: 'the system refused the path',
};
