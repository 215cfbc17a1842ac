// Every row: what a peer does and what toolcrib does, in turn, in one run. The budgets are those of the design.
import { readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { createLab, machine } from './lab.mjs';
import { verifyArchive } from './rows/archive.mjs';
import { checkChange } from './rows/check.mjs';
import { resolveExtension } from './rows/extension.mjs';
import { injectAgain, injectMany, injectTree } from './rows/inject.mjs';
import { download, downloadFromRegistry } from './rows/download.mjs';
import { recordNothing, recordOpens } from './rows/record.mjs';
import { resolveCached, startUp } from './rows/start.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const date = new Date().toISOString().slice(0, 10);
const contests = {
  startUp,
  resolveCached,
  checkChange,
  download,
  downloadFromRegistry,
  injectTree,
  injectAgain,
  injectMany,
  resolveExtension,
  recordNothing,
  recordOpens,
  verifyArchive,
};
const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(contests);
const unknown = chosen.find((name) => !(name in contests));
if (unknown !== undefined) throw new Error(`no row ${unknown}; there are ${Object.keys(contests).join(', ')}`);

// What is not measured now stays as it was measured last.
const known = JSON.parse(readFileSync(`${here}results.json`, 'utf8')).contests;
const results = Object.fromEntries(Object.entries(known).filter(([name]) => name in contests));
const lab = createLab();
try {
  for (const name of chosen) {
    const load = loadavg()[0].toFixed(1);
    results[name] = { date, load, rows: await contests[name](lab) };
    for (const result of results[name].rows) console.log(line(result));
  }
} finally {
  lab.end();
}
writeFileSync(`${here}results.json`, `${JSON.stringify({ machine: machine(), contests: results }, null, 2)}\n`);
writeFileSync(`${here}RESULTS.md`, report());

function line({ work, ours, peer, ratio, budget, met }) {
  return `${met ? 'met   ' : 'MISSED'}  ${work}: ${ours} ms, ${peer} ms, ${ratio} x (budget ${budget})`;
}

function report() {
  const table = Object.keys(contests).flatMap((name) =>
    (results[name]?.rows ?? []).map(
      ({ work, ours, peer, peerName, ratio, budget, met }) =>
        `| ${work} | ${ours} | ${peerName} | ${peer} | ${ratio} | ${budget} | ${met ? 'yes' : '**no**'} | ${results[name].date} | ${results[name].load} |`,
    ),
  );
  return `# Measured beside peers

Written by \`npm run bench\`, or \`npm run bench -- ROW...\` for some. Medians of whole processes in milliseconds, peers and toolcrib in
turn in one run. The load is how many processes wanted to run when it began, these not counted: where it is above the number of cores,
the figures say little.

${machine()
  .map((text) => `- ${text}`)
  .join('\n')}

| work | toolcrib | peer | peer ms | ratio | budget | met | measured | load |
| --- | ---: | --- | ---: | ---: | ---: | --- | --- | ---: |
${table.join('\n')}
`;
}
