// A command that is loaded as main.ts does it: FILE in a folder of its package.
import { loadCommand } from '../../../src/cli/command-loader.ts';
import { compiledCodeOf } from '../../../src/cli/compiled-code.ts';

const [file = ''] = process.argv.slice(2);
const kept = compiledCodeOf(file, 'test');
if (kept === undefined) throw new Error('nothing is kept of this command');
const { say } = loadCommand(file, kept) as { say: () => string };
process.stdout.write(say());
