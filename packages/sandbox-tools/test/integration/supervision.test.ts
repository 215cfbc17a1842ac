import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import type { HeldProgram } from '../../src/held-command.ts';
import { startReaper } from '../../src/process/reaper.ts';
import { runToEnd } from '../../src/run-to-end.ts';
import { temporaryDirectory, until } from '../tool.ts';

/** Its first thread ends, its second one lives on. */
const outlived = `
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>
static void *live(void *nothing) {
  for (;;) pause();
  return nothing;
}
int main(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, live, NULL);
  syscall(SYS_exit, 0);
}`;

afterEach(() => void vi.useRealTimers());

it('leaves the end of a command to the runtime whose first thread has ended, and collects others', async () => {
  using directory = temporaryDirectory();
  const [source, program] = [join(directory.path, 'a.c'), join(directory.path, 'a')];
  writeFileSync(source, outlived);
  const compiler = 'gcc';
  expect(spawnSync(compiler, ['-static', '-pthread', '-o', program, source]).status).toBe(0);
  const [own, other] = [spawn(program), spawn(program)];
  try {
    const isOutlived = (pid = 0) => /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    await until(() => isOutlived(own.pid) && isOutlived(other.pid));
    const reap = vi.fn();
    vi.useFakeTimers();
    startReaper({ reap }, () => own.pid);
    vi.advanceTimersByTime(15_000);
    expect(reap).toHaveBeenCalledWith(other.pid);
    expect(reap).not.toHaveBeenCalledWith(own.pid);
  } finally {
    for (const child of [own, other]) child.kill('SIGKILL');
  }
});

it('tells the end of a command that runs, whatever error comes meanwhile, and of no other that it was refused', async () => {
  const held = (file: string): HeldProgram => ({ path: file, file, argv: [file] });
  const running = spawn('/bin/sh', ['-c', 'read line; exit 6']);
  const ended = runToEnd(held('/bin/sh'), () => running);
  await once(running, 'spawn');
  running.emit('error', new Error('kill ESRCH'));
  running.stdin.end('go on\n');
  expect(await ended).toEqual({ how: 'exited', number: 6 });
  const absent = await runToEnd(held('/absent'), () => spawn('/absent'));
  expect(absent).toEqual({ how: 'refused', number: 127 });
});
