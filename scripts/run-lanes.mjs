// Runs test lanes one after the other and sums them: run-lanes.mjs [--setup-failed] LANE... [-- VITEST_ARGS]
// The last line on stdout is `N passed, N failed`, with `, N skipped` where skips are allowed and there were any.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { formatSum, sumLanes } from './lane-results.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const reports = `${root}.vitest-report`;

const LANES = {
  unit: { project: 'unit', node: [] },
  'unit-node22': { project: 'unit', node: ['--22'] },
  integration: { project: 'integration', node: [] },
  e2e: { project: 'e2e', node: [] },
};

const exitCodeOf = (command, args) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? -1));
  });

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

async function runLane(name, vitestArgs) {
  const { project, node } = LANES[name];
  const file = `${reports}/${name}.json`;
  rmSync(file, { force: true });
  console.log(`\n== ${name}`);
  const exitCode = await exitCodeOf(`${root}scripts/node`, [
    ...node,
    'node_modules/vitest/vitest.mjs',
    'run',
    `--project=${project}`,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
    ...vitestArgs,
  ]);
  return { name, exitCode, report: readReport(file) };
}

function print(title, lines) {
  if (lines.length > 0) console.log(`\n${title}:\n${lines.map((line) => `  ${line}`).join('\n')}`);
}

const args = process.argv.slice(2);
const end = args.includes('--') ? args.indexOf('--') : args.length;
const names = args.slice(0, end).filter((arg) => arg !== '--setup-failed');
const unknown = names.filter((name) => !Object.hasOwn(LANES, name));
if (unknown.length > 0) {
  console.error(`no such lane: ${unknown.join(', ')} (there are ${Object.keys(LANES).join(', ')})`);
  process.exit(2);
}

mkdirSync(reports, { recursive: true });
const lanes = [];
for (const name of names) lanes.push(await runLane(name, args.slice(end + 1)));

const sum = sumLanes(lanes, { forbidSkips: process.env.CI === 'true' });
if (args.slice(0, end).includes('--setup-failed')) {
  sum.failures.push('scripts/setup failed, see the beginning');
  sum.failed += 1;
}
print('skipped', sum.skips);
print('failed', sum.failures);
console.log(`\n${formatSum(sum)}`);
process.exitCode = sum.failed > 0 ? 1 : 0;
