import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TextEditor, type EditorCall } from '../../src/editor/text-editor.ts';
import { decodeText, encodeText } from '../../src/editor/text-content.ts';
import { EditError, insertLines, replaceOnce, viewLines } from '../../src/editor/text-edits.ts';
import { connect, temporaryDirectory } from '../tool.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let file: string;
let editor: TextEditor;
const edit = (call: Omit<EditorCall, 'path'> & { path?: string }) => editor.call({ path: file, ...call });
const content = () => readFileSync(file, 'utf8');

beforeEach(() => {
  directory = temporaryDirectory();
  file = join(directory.path, 'file.txt');
  writeFileSync(file, 'one\ntwo\nthree\ntwo\n');
  let count = 0;
  editor = new TextEditor(() => String(count++));
});
afterEach(() => directory[Symbol.dispose]());

describe('text_editor view', () => {
  it('shows a file with line numbers, whole or a range', () => {
    expect(edit({ command: 'view' })).toBe('     1\tone\n     2\ttwo\n     3\tthree\n     4\ttwo');
    expect(edit({ command: 'view', view_range: [2, 3] })).toBe('     2\ttwo\n     3\tthree');
    expect(edit({ command: 'view', view_range: [4, -1] })).toBe('     4\ttwo');
  });

  it('says how many lines there are when the range is not in the file', () => {
    for (const range of [
      [0, 1],
      [5, 6],
      [3, 2],
      [-1, -1],
    ] as const)
      expect(() => edit({ command: 'view', view_range: range })).toThrow(/which has 4 lines/);
  });

  it('lists a directory two levels deep, without hidden names', () => {
    mkdirSync(join(directory.path, 'a/b/c'), { recursive: true });
    writeFileSync(join(directory.path, '.hidden'), '');
    const at = (path: string) => join(directory.path, path);
    expect(edit({ command: 'view', path: directory.path }).split('\n')).toEqual([
      `${directory.path}/`,
      `${at('a')}/`,
      `${at('a/b')}/`,
      at('file.txt'),
    ]);
  });

  it('cuts what is too long and says how to see the rest', () => {
    writeFileSync(file, 'x'.repeat(99).concat('\n').repeat(3000));
    const text = edit({ command: 'view' });
    expect(text.length).toBeLessThan(140_000);
    expect(text).toMatch(/\n\[… lines \d+ to 3000 are not shown; use view_range …\]$/);
  });
});

describe('text_editor edits', () => {
  it('replace the one occurrence, and show the lines around it', () => {
    expect(edit({ command: 'str_replace', old_str: 'three', new_str: '3' })).toContain('     3\t3');
    expect(content()).toBe('one\ntwo\n3\ntwo\n');
  });

  it('take a replacement literally', () => {
    edit({ command: 'str_replace', old_str: 'three', new_str: '$& $1 $$' });
    expect(content()).toContain('$& $1 $$');
  });

  it('are refused when the text occurs never or more than once, with the line numbers', () => {
    expect(() => edit({ command: 'str_replace', old_str: 'absent', new_str: '' })).toThrow(/does not occur/);
    expect(() => edit({ command: 'str_replace', old_str: 'two', new_str: '' })).toThrow(
      /occurs 2 times, in lines 2, 4/,
    );
    expect(() => edit({ command: 'str_replace', old_str: '', new_str: '' })).toThrow(/empty/);
    expect(content()).toBe('one\ntwo\nthree\ntwo\n');
  });

  it('insert whole lines after a line', () => {
    edit({ command: 'insert', insert_line: 0, new_str: 'zero\n' });
    edit({ command: 'insert', insert_line: 5, new_str: 'last' });
    expect(content()).toBe('zero\none\ntwo\nthree\ntwo\nlast\n');
    expect(() => edit({ command: 'insert', insert_line: 9, new_str: 'x' })).toThrow(/has 6 lines/);
  });

  it('create files with their directories, overwrite, and give both back on undo', () => {
    const made = join(directory.path, 'x/y/new.txt');
    edit({ command: 'create', path: made, file_text: 'a' });
    edit({ command: 'create', path: made, file_text: 'b' });
    edit({ command: 'undo_edit', path: made });
    expect(readFileSync(made, 'utf8')).toBe('a');
    edit({ command: 'undo_edit', path: made });
    expect(readdirSync(join(directory.path, 'x/y'))).toEqual([]);
    expect(() => edit({ command: 'undo_edit', path: made })).toThrow(/no edit/);
  });

  it('can be undone ten times, and not further', () => {
    for (let n = 0; n < 12; n++) edit({ command: 'create', file_text: String(n) });
    for (let n = 0; n < 10; n++) edit({ command: 'undo_edit' });
    expect(content()).toBe('1');
    expect(() => edit({ command: 'undo_edit' })).toThrow(EditError);
  });

  it('are not undone over what something else has written since', () => {
    edit({ command: 'create', file_text: 'mine' });
    writeFileSync(file, 'theirs');
    expect(() => edit({ command: 'undo_edit' })).toThrow(/changed by something else/);
    expect(content()).toBe('theirs');
  });

  it('say which argument is missing, and want an absolute path', () => {
    expect(() => edit({ command: 'create' })).toThrow(/create needs file_text/);
    expect(() => edit({ command: 'insert', new_str: 'x' })).toThrow(/insert needs insert_line/);
    expect(() => edit({ command: 'view', path: 'relative' })).toThrow(/not absolute/);
    expect(() => edit({ command: 'str_replace', path: `${file}.absent`, old_str: 'a' })).toThrow(/does not exist/);
    expect(() => edit({ command: 'create', path: directory.path, file_text: '' })).toThrow(/is a directory/);
  });
});

describe('an edited file', () => {
  const replace = () => edit({ command: 'str_replace', old_str: 'one', new_str: '1' });

  it('keeps its mode and owner', () => {
    chmodSync(file, 0o4751);
    if (process.getuid?.() === 0) chownSync(file, 1234, 4321);
    chmodSync(file, 0o4751);
    const before = statSync(file);
    replace();
    const { mode, uid, gid } = statSync(file);
    expect({ mode, uid, gid }).toEqual({ mode: before.mode, uid: before.uid, gid: before.gid });
  });

  it('stays behind the link through which it was edited', () => {
    const link = join(directory.path, 'link');
    symlinkSync('file.txt', link);
    edit({ command: 'str_replace', path: link, old_str: 'one', new_str: '1' });
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(content()).toMatch(/^1\n/);
  });

  it('stays one file with its other hard links', () => {
    linkSync(file, join(directory.path, 'other'));
    replace();
    expect(readFileSync(join(directory.path, 'other'), 'utf8')).toBe(content());
  });

  it('is replaced as a whole, and no temporary file is left', () => {
    const before = statSync(file).ino;
    replace();
    expect(statSync(file).ino).not.toBe(before);
    expect(readdirSync(directory.path)).toEqual(['file.txt']);
  });

  it('is written in place where its directory cannot be written', () => {
    if (process.getuid?.() === 0) {
      // Root writes everywhere: a directory in the place of the temporary file stands for one that cannot be written.
      mkdirSync(join(directory.path, '.file.txt.sandbox-tools-0'));
    } else chmodSync(directory.path, 0o555);
    replace();
    chmodSync(directory.path, 0o755);
    expect(content()).toMatch(/^1\n/);
  });

  it('keeps its byte order mark and its CRLF line endings', () => {
    writeFileSync(file, '\uFEFFa\r\nb\r\n');
    edit({ command: 'str_replace', old_str: 'a\nb', new_str: 'c\nd\ne' });
    edit({ command: 'insert', insert_line: 0, new_str: 'first' });
    expect(content()).toBe('\uFEFFfirst\r\nc\r\nd\r\ne\r\n');
  });

  it('is refused when it is binary, not UTF-8, too large, or no file', () => {
    for (const bytes of [Buffer.from([65, 0, 66]), Buffer.from([0xff, 0xfe, 65])]) {
      writeFileSync(file, bytes);
      expect(replace).toThrow(/binary or not UTF-8/);
      expect(readFileSync(file)).toEqual(bytes);
    }
    writeFileSync(file, Buffer.alloc(11 * 1024 * 1024, 65));
    expect(replace).toThrow(/larger than/);
    spawnSync('/usr/bin/mkfifo', [join(directory.path, 'fifo')]);
    for (const path of [join(directory.path, 'fifo'), '/dev/zero'])
      expect(() => edit({ command: 'view', path })).toThrow(/not a regular file/);
  });
});

describe('the text of a file', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '\n', '\r', '\r\n', 'é', '\uFEFF', '😀') });

  it('comes back byte for byte when nothing is changed', () => {
    fc.assert(
      fc.property(text, (whole) => {
        const bytes = Buffer.from(whole);
        const decoded = decodeText(bytes);
        expect(decoded === undefined ? undefined : encodeText(decoded)).toEqual(bytes);
      }),
    );
  });

  it('after a replacement has the new text where the old was, or is refused', () => {
    fc.assert(
      fc.property(
        text,
        fc.string({ minLength: 1, unit: fc.constantFrom('a', '\n', 'b') }),
        text,
        (whole, old, replacement) => {
          const count = whole.split(old).length - 1;
          try {
            expect(replaceOnce(whole, old, replacement).text).toBe(whole.split(old).join(replacement));
            expect(count).toBe(1);
          } catch (error) {
            if (!(error instanceof EditError)) throw error;
            expect(count === 1 && whole.indexOf(old) === whole.lastIndexOf(old)).toBe(false);
          }
        },
      ),
    );
  });

  it('after an insertion has all its lines and the new ones', () => {
    const lines = fc.array(fc.stringMatching(/^[a-c]{1,3}$/));
    fc.assert(
      fc.property(lines, lines, fc.nat(), fc.boolean(), (old, added, place, final) => {
        fc.pre(added.length > 0);
        const after = place % (old.length + 1);
        const edited = insertLines(old.join('\n') + (final && old.length > 0 ? '\n' : ''), after, added.join('\n'));
        expect(edited.text.replace(/\n$/, '').split('\n')).toEqual(old.toSpliced(after, 0, ...added));
      }),
    );
  });

  it('is shown in any range or refused', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: -2, max: 9 }), fc.integer({ min: -2, max: 9 }), (whole, first, last) => {
        try {
          expect(viewLines(whole, [first, last])).not.toBe('');
        } catch (error) {
          expect(error).toBeInstanceOf(EditError);
        }
      }),
    );
  });
});

describe('the text_editor tool', () => {
  it('answers over MCP, and an error is an answer that says what to do', async () => {
    await using tool = await connect();
    expect((await tool.call('text_editor', { command: 'view', path: file })).text).toContain('     3\tthree');
    expect(await tool.call('text_editor', { command: 'view', path: `${file}.absent` })).toEqual({
      text: `${file}.absent does not exist. Check the path, or make the file with create.`,
      isError: true,
    });
    expect((await tool.call('text_editor', { command: 'view', path: '/proc/self/mem/x' })).isError).toBe(true);
    expect((await tool.client.listTools()).tools.map((each) => each.name)).toEqual(['bash', 'text_editor']);
  });
});
