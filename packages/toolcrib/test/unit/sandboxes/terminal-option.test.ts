import { expect, test } from 'vitest';
import { terminalOptionIn } from '../../../src/sandboxes/exec/terminal-option.ts';

test.each([
  ['docker exec -it web', '-it'],
  ['docker exec -t web', '-t'],
  ['/usr/bin/docker -H tcp://x exec --tty web', '--tty'],
  ['podman exec -u -t -i -t web', '-t'],
  ['ssh HOST sudo docker exec --interactive --tty=true web', '--tty=true'],
  ['kubectl -n space exec -ti web --', '-ti'],
])('%s asks for a terminal', (prefix, option) => {
  expect(terminalOptionIn(prefix.split(' '))).toBe(option);
});

test.each([
  'docker exec -i web',
  'docker exec -u -t -i web',
  'docker exec -i --tty=false web',
  'docker exec -i --env=-t web env -t',
  'docker exec -i web timeout -t 5',
  'ssh -t HOST',
  'nsenter -t 1 -a',
  'docker',
])('%s does not', (prefix) => {
  expect(terminalOptionIn(prefix.split(' '))).toBeUndefined();
});
