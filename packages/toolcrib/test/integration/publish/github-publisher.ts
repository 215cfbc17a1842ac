import { once } from 'node:events';
import { publishRelease } from '../../../src/publish/publish-release.ts';
import { openTestGithubStore } from '../../contract/store-github-client.ts';
import { requestOf } from './release-fixture.ts';

// Publishes one artifact of the tool that a line of its input names, and writes `done` at the end.
const [endpoint = '', folder = ''] = process.argv.slice(2);
const store = openTestGithubStore(endpoint);
process.stdin.setEncoding('utf8');
const said: unknown[] = await once(process.stdin, 'data');
const tool = String(said[0]).trim();
const request = await requestOf({ store: endpoint, folder, tool, version: 1, seed: 'one', bytes: 3000 }, store);
const artifacts = request.artifacts.slice(0, 1);
await publishRelease({ ...request, artifacts, targets: artifacts.map(({ target }) => target) });
process.stdout.write('done\n');
await store.close();
process.exit();
