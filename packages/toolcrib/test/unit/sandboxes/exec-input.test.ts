import { once } from 'node:events';
import { PassThrough, Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { expect, test } from 'vitest';
import { createExecInput } from '../../../src/sandboxes/exec/exec-input.ts';

const WAYS = ['direct', 'framed'] as const;

test.each(WAYS)('the input of a program (%s) ends though its shell was gone before', async (way) => {
  const gone = new PassThrough();
  gone.destroy();
  await pipeline(Readable.from([]), createExecInput(gone, way));
});

test.each(WAYS)('the input of a program (%s) ends though its shell goes meanwhile', async (way) => {
  const stuck: Writable = new Writable({
    write: (_bytes, _encoding, done) => void stuck.once('close', () => done(new Error('gone'))),
  });
  stuck.on('error', () => undefined);
  const feeding = pipeline(Readable.from([Buffer.from('bytes')]), createExecInput(stuck, way));
  setImmediate(() => stuck.destroy());
  await feeding;
  expect(stuck.destroyed).toBe(true);
});

test('a program without an input has one that ends, whether or not its shell is gone', async () => {
  const [shell, gone] = [new PassThrough(), new PassThrough()];
  gone.destroy();
  await Promise.all([shell, gone].map((stdin) => once(createExecInput(stdin, 'none'), 'finish')));
  expect(shell.writableEnded).toBe(true);
});
