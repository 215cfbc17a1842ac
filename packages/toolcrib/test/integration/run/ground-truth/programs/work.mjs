// Files in the thread pool and at once, a child, a connection that is refused, a datagram.
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';

mkdirSync('folder', { recursive: true });
writeFileSync('folder/first', 'text');
readFileSync('folder/first');
await Promise.all(Array.from({ length: 50 }, (_, number) => writeFile(`folder/file-${number}`, 'text')));
await Promise.all(Array.from({ length: 50 }, (_, number) => readFile(`folder/file-${number}`)));
await open('folder/none').catch(() => undefined);
execFileSync('/bin/cat', ['folder/first']);
await once(connect(1, '127.0.0.1'), 'error');
const socket = createSocket('udp4');
await new Promise((resolve) => socket.send('message', 20009, '127.0.0.1', resolve));
socket.close();
