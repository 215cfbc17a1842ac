/**
 * A prefix that does what connections do: `faulty-prefix.ts FAULT TIMES FOLDER COMMAND...` executes COMMAND, and FAULT
 * happens to it as often as TIMES says. FOLDER remembers how often it did.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const [fault = '', times = '', folder = '', program = '', ...args] = process.argv.slice(2);

/** True as long as the fault is to happen. */
function happens(): boolean {
  const count = readdirSync(folder).length;
  if (count >= Number(times)) return false;
  mkdirSync(join(folder, String(count)));
  return true;
}

const child = spawn(program, args, { stdio: 'pipe' });
child.on('exit', (code) => child.stdout.once('close', () => (process.exitCode = code ?? 255)));
child.stdin.on('error', () => undefined);
process.stdout.on('error', () => undefined);
const die = (): never => {
  child.kill('SIGKILL');
  process.exit(255);
};

let received = 0;
process.stdin.on('data', (bytes: Buffer) => {
  received += bytes.byteLength;
  let passed = bytes;
  const isLarge = received > 100_000;
  if (isLarge && fault === 'cut-input' && happens()) {
    process.stderr.write('connection reset by peer\n');
    die();
  }
  if (isLarge && fault === 'lose-input' && happens()) passed = bytes.subarray(0, bytes.byteLength - 10);
  if (isLarge && fault === 'change-input' && happens())
    passed = Buffer.concat([Buffer.from([~(bytes[0] ?? 0) & 255]), bytes.subarray(1)]);
  child.stdin.write(passed);
});
process.stdin.on('end', () => {
  if (fault !== 'no-half-close') child.stdin.end();
});

let sent = 0;
if (fault === 'greet') process.stdout.write('Welcome!\nyou have mail\n\x1e');
if (fault === 'babble') {
  const babble = (): void => {
    while (process.stdout.write('y\n'.repeat(10_000)));
    process.stdout.once('drain', babble);
  };
  babble();
}
child.stdout.on('data', (bytes: Buffer) => {
  if (fault === 'hang' || fault === 'babble') return;
  sent += bytes.byteLength;
  if (sent > 100_000 && fault === 'cut-output' && happens()) {
    process.stdout.write(bytes.subarray(0, bytes.byteLength >> 1), die);
    return;
  }
  if (sent > 100_000 && fault === 'close-early') {
    process.stdin.resume();
    setInterval(() => undefined, 1000);
    process.stdout.end();
    return;
  }
  const isLost = sent > 100_000 && fault === 'lose-output' && happens();
  process.stdout.write(isLost ? bytes.subarray(10) : bytes);
});
child.stderr.on('data', (bytes: Buffer) => {
  if (fault === 'mix') process.stdout.write(bytes);
  else if (fault === 'late-stderr') setTimeout(() => process.stderr.write(bytes), 200);
  else if (fault !== 'no-stderr') process.stderr.write(bytes);
});
