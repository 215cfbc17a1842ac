// A command that is loaded as main.ts does it: FILE KEPT.
import { loadCommand } from '../../../src/cli/command-loader.ts';

const [file = '', kept = ''] = process.argv.slice(2);
const { say } = loadCommand(file, kept) as { say: () => string };
process.stdout.write(say());
