import { publishRelease } from '../../../src/publish/publish-release.ts';
import { openStore, requestOf } from './release-fixture.ts';

// Publishes what its arguments say. Writes `begin` when everything is prepared, and `done` at the end.
const [url = '', folder = '', tool = '', version = '', seed = '', bytes = ''] = process.argv.slice(2);
const publication = { store: url, folder, tool, version: Number(version), seed, bytes: Number(bytes) };
const store = openStore(url);
const request = await requestOf(publication, store);
await store.list('nothing');
process.stdout.write('begin\n');
await publishRelease(request);
process.stdout.write('done\n');
await store.close();
