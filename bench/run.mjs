// Every row: what a peer does and what toolcrib does, in turn, in one run. The budgets are those of the design.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createLab, machine } from './lab.mjs';
import { injectAgain, injectTree } from './rows/inject.mjs';
import { download } from './rows/download.mjs';
import { resolveCached, startUp } from './rows/start.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const rows = [];
const lab = createLab();
try {
  for (const row of [startUp, resolveCached, download, injectTree, injectAgain]) {
    for (const result of await row(lab)) {
      rows.push(result);
      console.log(line(result));
    }
  }
} finally {
  lab.end();
}
const date = new Date().toISOString().slice(0, 10);
writeFileSync(`${here}results.json`, `${JSON.stringify({ date, machine: machine(), rows }, null, 2)}\n`);
writeFileSync(`${here}RESULTS.md`, report(date));

function line({ work, ours, peer, ratio, budget, met }) {
  return `${met ? 'met   ' : 'MISSED'}  ${work}: ${ours} ms, ${peer} ms, ${ratio} x (budget ${budget})`;
}

function report(day) {
  const table = rows.map(
    ({ work, ours, peer, peerName, ratio, budget, met }) =>
      `| ${work} | ${ours} | ${peerName} | ${peer} | ${ratio} | ${budget} | ${met ? 'yes' : '**no**'} |`,
  );
  return `# Measured beside peers

Written by \`npm run bench\` on ${day}. Medians of whole processes in milliseconds, peers and toolcrib in turn in one run.

${machine()
  .map((text) => `- ${text}`)
  .join('\n')}

| work | toolcrib | peer | peer ms | ratio | budget | met |
| --- | ---: | --- | ---: | ---: | ---: | --- |
${table.join('\n')}
`;
}
