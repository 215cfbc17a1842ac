import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** A connection on which a test says exactly what it wants. */
export interface RawConnection extends Disposable {
  readonly socket: Socket;
  /** All that was answered so far. */
  heard(): string;
  /** Waits until that contains the words, or the connection ends; gives back all that was answered. */
  until(words: string): Promise<string>;
  /** Waits for the end; gives back all that was answered. */
  ended(): Promise<string>;
}

export async function connectTo(port: number): Promise<RawConnection> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  let isOver = false;
  socket.setEncoding('latin1').on('data', (piece: string) => (text += piece));
  socket.on('error', () => undefined);
  socket.on('end', () => (isOver = true));
  socket.on('close', () => (isOver = true));
  await once(socket, 'connect');
  const until = async (words: string): Promise<string> => {
    while (!text.includes(words) && !isOver) {
      await Promise.race(['data', 'end', 'close'].map((name) => new Promise((resolve) => socket.once(name, resolve))));
    }
    return text;
  };
  return {
    socket,
    heard: () => text,
    until,
    ended: () => until('\0never\0'),
    [Symbol.dispose]: () => socket.destroy(),
  };
}

/** The head of a PUT request that announces `length` bytes; headers that are named again are replaced. */
export function putHead(
  name: string,
  length: number | undefined,
  token: string,
  more: Readonly<Record<string, string>> = {},
): string {
  const headers: Record<string, string> = {
    host: 'store',
    authorization: `Bearer ${token}`,
    'if-none-match': '*',
    ...(length !== undefined && { 'content-length': String(length) }),
    ...more,
  };
  const lines = Object.entries(headers).map(([key, value]) => `${key}: ${value}\r\n`);
  return `PUT /${name} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** Waits until a server has begun to receive: a temporary file stands in its folder. */
export async function untilReceiving(root: string): Promise<void> {
  while (!(await readdir(root)).some((name) => name.endsWith('.tmp'))) await sleep(5);
}
