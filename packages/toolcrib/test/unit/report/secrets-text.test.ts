import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { describeSecrets, formatEnvTemplate } from '../../../src/report/secrets-text.ts';

const secret = (key: string, more: object = {}) => ({
  key,
  required: true,
  description: null,
  format: null,
  ...more,
});

test('secrets are a table of 80 columns', () => {
  const long = 'The key of an account at the service, which its owner finds in the settings under the heading of keys';
  const secrets = [
    secret('TAVILY_API_KEY', { description: long, format: 'password' }),
    secret('REGION', { required: false }),
  ];
  const table = describeSecrets([{ extension: 'greentic.tavily', secrets }]);
  for (const line of table.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  expect(table).toMatch(/^EXTENSION +KEY +REQUIRED +FORMAT/);
  expect(table).toMatch(/greentic\.tavily +TAVILY_API_KEY +yes +password/);
  expect(table).toMatch(/greentic\.tavily +REGION +no/);
  expect(table.replaceAll(/\s+/g, ' ')).toContain(long);
  expect(describeSecrets([])).toBe('The tools in use need no secrets.\n');
});

test('a template has a line for each key, what is said of it as comments, and no values', () => {
  const secrets = [
    secret('A', { description: 'first line\nsecond', format: 'uri' }),
    secret('B', { required: false }),
    secret('not a name'),
  ];
  expect(
    formatEnvTemplate([
      { extension: 'x', secrets },
      { extension: 'y', secrets: [secret('B')] },
    ]),
  ).toBe(
    `# first line
# second
# format: uri
# required by x
A=

# not required by x
# required by y
B=

# required by x
# not a name of a variable: not a name
`,
  );
  expect(formatEnvTemplate([{ extension: 'x', secrets: [secret('B', { required: false })] }])).toBe(
    '# not required by x\n#B=\n',
  );
});

test('a template that a shell reads runs nothing and sets nothing, whatever extensions say', () => {
  const folder = mkdtempSync(join(tmpdir(), 'toolcrib-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const word = fc.oneof(
    fc.constantFrom(
      '$(touch x)',
      '`touch x`',
      '\ntouch x\n',
      '\r\ntouch x',
      'a\u2028touch x',
      "'; touch x #",
      '\\\ntouch x',
      '\0',
    ),
    fc.string({ unit: 'binary', maxLength: 20 }),
  );
  const text = fc.array(word, { maxLength: 4 }).map((words) => words.join(''));
  const extension = fc.record({
    extension: text,
    secrets: fc.array(
      fc.record({
        key: fc.oneof(text, fc.constantFrom('A', 'B_1')),
        required: fc.boolean(),
        description: text,
        format: text,
      }),
      { maxLength: 4 },
    ),
  });
  fc.assert(
    fc.property(fc.array(extension, { maxLength: 4 }), (extensions) => {
      const template = formatEnvTemplate(extensions);
      for (const line of template.split(/[\n\r\u2028]/)) expect(line).toMatch(/^(?:#.*|[A-Za-z_][A-Za-z0-9_]*=|)$/);
      for (const value of Object.values(parseEnv(template))) expect(value).toBe('');
    }),
  );
  const hostile = {
    extension: '$(touch x)',
    secrets: [secret('A', { description: '`touch x`\ntouch x\r\ntouch x', format: '\ntouch x' })],
  };
  writeFileSync(join(folder, '.env'), formatEnvTemplate([hostile]));
  expect(execFileSync('sh', ['-c', '. ./.env; echo "<$A>"'], { cwd: folder, encoding: 'utf8' })).toBe('<>\n');
  expect(readdirSync(folder)).toEqual(['.env']);
});
