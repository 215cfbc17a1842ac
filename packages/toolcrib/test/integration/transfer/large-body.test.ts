import type { Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import { lentPieces } from '../../../src/core/lent-pieces.ts';
import { onePiece } from '../../../src/core/one-piece.ts';
import { bytesOf } from '../../contract/store-contract.ts';
import { startFileServer } from '../../servers/http.ts';
import { startRawServer } from '../../servers/raw-server.ts';
import { failureOf, transferOf } from './patient-transfer.ts';

const LARGE = 1024 * 1024;
/** Bytes of which no piece resembles another. */
const FILE = Buffer.from(Uint32Array.from({ length: LARGE }, (_, n) => n * 2654435761).buffer);

const headOf = (length: number, status = '200 OK'): string => `HTTP/1.1 ${status}\r\ncontent-length: ${length}\r\n\r\n`;

const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 1));

async function writeInPieces(socket: Socket, bytes: Buffer, sizes: readonly number[]): Promise<void> {
  let from = 0;
  for (const size of sizes) {
    socket.write(bytes.subarray(from, from + size));
    from += size;
    await turn();
  }
  socket.write(bytes.subarray(from));
}

describe('a large body', () => {
  test('is whole, however the network cuts it and its head', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 300_000 }), { maxLength: 5 });
    const length = fc.constantFrom(LARGE - 1, LARGE, LARGE + 1, FILE.length);
    await fc.assert(
      fc.asyncProperty(length, fc.integer({ min: 0, max: 70 }), sizes, async (size, first, rest) => {
        const body = FILE.subarray(0, size);
        const said = Buffer.concat([Buffer.from(headOf(size)), body]);
        await using server = await startRawServer((socket) => void writeInPieces(socket, said, [first, ...rest]));
        await using transfer = transferOf();
        const file = await transfer.get(`http://${server.host}/file`);
        expect(digestOf(await bytesOf(file))).toBe(digestOf(body));
      }),
      { numRuns: 20 },
    );
  });

  test('stays as it was lent until the next piece is asked for, however long that takes', async () => {
    await using server = await startFileServer({ '/file': FILE });
    await using transfer = transferOf();
    const file = await transfer.get(`${server.url}/file`);
    const pieces: Buffer[] = [];
    let changed = 0;
    for await (const piece of lentPieces(file?.bytes ?? onePiece(Buffer.alloc(0)))) {
      const before = Buffer.from(piece);
      await turn();
      if (!before.equals(piece)) changed += 1;
      pieces.push(before);
    }
    expect(changed).toBe(0);
    expect(Buffer.concat(pieces).equals(FILE)).toBe(true);
  });

  test('is read into memory that is used again', async () => {
    await using server = await startFileServer({ '/file': FILE });
    await using transfer = transferOf();
    const file = await transfer.get(`${server.url}/file`);
    const memory = new Set<ArrayBufferLike>();
    let pieces = 0;
    for await (const piece of lentPieces(file?.bytes ?? onePiece(Buffer.alloc(0)))) {
      memory.add(piece.buffer);
      pieces += 1;
    }
    expect(pieces).toBeGreaterThan(memory.size);
  });

  test('ends where it was announced to end, whatever comes behind it', async () => {
    await using server = await startRawServer((socket) => {
      socket.write(headOf(FILE.length));
      socket.write(FILE);
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad');
    });
    await using transfer = transferOf();
    expect((await bytesOf(await transfer.get(`http://${server.host}/file`))).equals(FILE)).toBe(true);
  });

  test('that breaks off is UNREACHABLE, whether the connection is closed or reset', async () => {
    for (const end of ['end', 'resetAndDestroy'] as const) {
      await using server = await startRawServer((socket) => {
        socket.write(headOf(FILE.length));
        socket.write(FILE.subarray(0, 2 * LARGE), () => socket[end]());
      });
      await using transfer = transferOf();
      const file = await transfer.get(`http://${server.host}/file`);
      expect(await failureOf(bytesOf(file))).toMatchObject({ code: 'UNREACHABLE' });
    }
  });

  test('that is not read to its end frees its connection', async () => {
    let [closed, open] = [0, 0];
    await using server = await startRawServer((socket) => {
      open += 1;
      socket.once('close', () => (closed += 1));
      socket.write(headOf(FILE.length));
      socket.write(FILE);
    });
    await using transfer = transferOf();
    for await (const _ of (await transfer.get(`http://${server.host}/file`))?.bytes ?? []) break;
    await expect.poll(() => [open, closed]).toEqual([1, 1]);
  });

  test('ends with the reason of the signal', async () => {
    await using server = await startRawServer((socket) => {
      socket.write(headOf(FILE.length));
      socket.write(FILE.subarray(0, LARGE));
    });
    await using transfer = transferOf();
    const abort = new AbortController();
    const file = await transfer.get(`http://${server.host}/file`, { signal: abort.signal });
    const reading = failureOf(bytesOf(file));
    await turn();
    abort.abort(new Error('enough'));
    expect(await reading).toMatchObject({ message: 'enough' });
  });

  test('is not waited for where an answer has none, whatever length it tells', async () => {
    await using server = await startRawServer((socket) => void socket.write(headOf(FILE.length, '304 Not Modified')));
    await using transfer = transferOf();
    expect(await failureOf(transfer.get(`http://${server.host}/file`))).toMatchObject({ code: 'REMOTE_REFUSED' });
  });
});
