import { createServer } from 'node:http';
import { expect, test } from 'vitest';
import { openTestGithubStore } from '../../contract/store-github-client.ts';
import { failureOfAsync } from '../../unit/core/failure.ts';

test('a listing of releases that holds more files than a store can have is read no further', async () => {
  const assets = Array.from({ length: 45_000 }, (_, id) => ({ id, name: `x${id}`, size: 1, state: 'uploaded' }));
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    const link = `<http://${request.headers.host}/api/v3/repos/octo-org/tools/releases?page=${asked + 1}>; rel="next"`;
    const releases = [{ id: asked, tag_name: `tool-v${asked}`, name: null, draft: false, assets }];
    response.writeHead(200, { 'content-type': 'application/json', link }).end(JSON.stringify(releases));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const store = openTestGithubStore(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`);
  expect(await failureOfAsync(() => store.list(''))).toMatchObject({ code: 'TOO_LARGE' });
  expect(asked).toBe(5);
  await store.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
