import { Writable } from 'node:stream';
import { frameInput, type InputWay } from './exec-script.ts';

/**
 * The stdin of a program behind a prefix. It ends also when the shell is gone: a stream that was destroyed before it was
 * ended calls nobody back.
 * @param stdin of the shell.
 */
export function createExecInput(stdin: Writable, way: InputWay): Writable {
  const send = (bytes: Uint8Array, done: () => void) => {
    if (!stdin.writable || way === 'none') done();
    else stdin.write(bytes, () => done());
  };
  const input = new Writable({
    write: (bytes: Buffer, _encoding, done) => send(way === 'framed' ? frameInput(bytes) : bytes, done),
    final(done) {
      if (way === 'framed') send(frameInput(new Uint8Array()), done);
      else if (!stdin.writable) done();
      else stdin.end(() => done());
    },
  });
  input.on('error', () => undefined);
  if (way === 'none') input.end();
  return input;
}
