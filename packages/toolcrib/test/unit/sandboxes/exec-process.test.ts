import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { createExecProcess } from '../../../src/sandboxes/docker/exec-process.ts';

test('a program that goes on after an abort is not asked about until it ends', async () => {
  const socket = new Duplex({ read: () => undefined, write: (_bytes, _encoding, done) => done() });
  const controller = new AbortController();
  let asked = 0;
  const process = createExecProcess({
    socket,
    stdin: true,
    signal: controller.signal,
    askExit: () => {
      asked += 1;
      return Promise.resolve({ code: 0, started: true });
    },
    losesOutput: false,
    refusal: (what) => new Error(what),
    failure: (error) => error,
  });
  const closed = once(socket, 'close');
  controller.abort(new Error('given up'));
  await expect(process.exit).rejects.toThrow('given up');
  await closed;
  expect(asked).toBe(0);
});
