// Writes packages/toolcrib/toolcrib.schema.json, or the file that is named: scripts/node scripts/generate-schema.mjs [FILE]
import { writeFileSync } from 'node:fs';
import { format } from 'prettier';
import { configJsonSchema } from '../packages/toolcrib/src/config/json-schema.ts';

const file = process.argv[2] ?? new URL('../packages/toolcrib/toolcrib.schema.json', import.meta.url);
writeFileSync(file, await format(JSON.stringify(configJsonSchema()), { parser: 'json', printWidth: 120 }));
