import { spawnSync } from 'node:child_process';

/**
 * One thing that is measured.
 * `run` may return milliseconds, where it is not its own time that counts.
 * @typedef {{ name: string, run: () => number | void, prepare?: () => void }} Contestant
 */

/**
 * Runs the contestants in turn, so that whatever the machine does beside it hits all of them alike.
 * @param {readonly Contestant[]} contestants
 * @param {number} rounds
 * @returns {Map<string, { median: number, least: number }>} milliseconds by name, of the wall clock unless `run` returns others
 */
export function measure(contestants, rounds) {
  const times = new Map(contestants.map(({ name }) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const { name, run, prepare } of contestants) {
      prepare?.();
      const start = performance.now();
      const own = run();
      if (round >= 0) times.get(name).push(own ?? performance.now() - start); // the first round only warms up
    }
  }
  return new Map([...times].map(([name, list]) => [name, summary(list)]));
}

function summary(list) {
  const sorted = [...list].sort((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)], least: sorted[0] };
}

/** Runs a command to its end; a failure ends the benchmark, because a failed run measures nothing. */
export function run(command, args, options = {}) {
  const { status, stderr, error } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'], ...options });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} exited with ${status}: ${stderr}`);
}

/** Runs a line of shell. */
export function shell(line, options) {
  run('sh', ['-ec', line], options);
}
