// An agent with one tool. node openai-agent.mjs import|require MODE, and with `processes` several of it at once
import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { isMainThread, Worker } from 'node:worker_threads';

const [kind, mode] = process.argv.slice(2);
if (mode === 'processes' && isMainThread) {
  fork(process.argv[1], [kind, 'default']);
  new Worker(process.argv[1], { argv: [kind, 'default'] });
}

const sdk = kind === 'require' ? createRequire(import.meta.url)('@openai/agents') : await import('@openai/agents');
if (mode === 'completions') sdk.setOpenAIAPI('chat_completions');

const agent = new sdk.Agent({
  name: 'reader',
  instructions: 'Read the file.',
  model: 'test-model',
  tools: [
    sdk.tool({
      name: 'read_file',
      description: 'reads a file',
      strict: false,
      parameters: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
      execute: ({ path }) => (path === 'secret-argument.txt' ? 'secret-result' : 'another file'),
    }),
  ],
});

const runner = new sdk.Runner({ tracingDisabled: true });
const heard = [];
runner.on('agent_tool_start', (_context, _agent, tool) => heard.push(tool.name));

const tellers = {
  /** The runner of the SDK itself. */
  default: async () => (await sdk.run(agent, 'Read it.')).finalOutput,
  completions: async () => (await sdk.run(agent, 'Read it.')).finalOutput,
  processes: async () => (await sdk.run(agent, 'Read it.')).finalOutput,
  twice: async () => [await runner.run(agent, 'Read it.'), await runner.run(agent, 'Again.')].length,
  async stream() {
    const stream = await runner.run(agent, 'Read it.', { stream: true });
    for await (const event of stream) if (event.type === 'run_item_stream_event') heard.push(event.name);
    await stream.completed;
    return stream.finalOutput;
  },
  fail: () => runner.run(agent, 'Read it.', { maxTurns: 1 }).catch((error) => error.constructor.name),
  async unhandled() {
    void runner.run(agent, 'Read it.', { maxTurns: 1 });
    return 'not waited for';
  },
};

console.log(await tellers[mode](), heard.join());
