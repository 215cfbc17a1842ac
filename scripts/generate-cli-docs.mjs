// Writes docs/cli.md, the reference of the command line, from the program itself. --check only compares.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describeProgram } from '../packages/toolcrib/src/cli/reference.ts';

const path = fileURLToPath(new URL('../docs/cli.md', import.meta.url));
const text = await describeProgram();
if (!process.argv.includes('--check')) await writeFile(path, text);
else if ((await readFile(path, 'utf8')) !== text) {
  console.error('docs/cli.md is not what the program says: run scripts/node scripts/generate-cli-docs.mjs');
  process.exitCode = 1;
}
