import { describe, expect, test } from 'vitest';
import { registerValidate } from '../../../src/cli/commands/validate.ts';
import { runCommand } from '../../integration/cli/in-process.ts';
import { scratchProject } from './scratch-project.ts';

const CONFIG = { tool: 'demo', targets: ['amd64-any'], images: ['debian:12'] };

describe('validate', () => {
  test.each([
    ['no image', { ...CONFIG, images: [] }, [], 'USAGE', '--image debian:12'],
    ['an image that is none', CONFIG, ['--image', '--privileged'], 'USAGE', 'expected an image'],
    ['a target that the tool has not', CONFIG, ['--target', 'arm64'], 'TARGET_INVALID', 'there are amd64-any'],
    ['no target', CONFIG, ['--target', 'mips'], 'TARGET_INVALID', 'amd64-musl'],
    ['no number of jobs', CONFIG, ['--jobs', '0'], 'USAGE', 'from 1 to 999'],
  ])('refuses %s before it asks an engine', async (_, config, args, code, words) => {
    await using project = await scratchProject({ 'toolcrib.json': config, 'tool-version.txt': '1\n' });
    const end = await runCommand(registerValidate, project.folder, ['validate', ...args]);
    expect(end).toMatchObject({ code: 2, document: { error: { code } } });
    expect(JSON.stringify(end.document)).toContain(words);
  });
});
