// Serves the files of a folder by name: what any web server would do, for the download rows.
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename, join } from 'node:path';

const folder = process.argv[2];
const server = createServer((request, response) => {
  try {
    const path = join(folder, basename(new URL(request.url, 'http://localhost').pathname));
    response.writeHead(200, { 'content-length': statSync(path).size });
    createReadStream(path, { highWaterMark: 1 << 20 }).pipe(response);
  } catch {
    response.writeHead(404).end();
  }
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
