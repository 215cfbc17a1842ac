import * as z from 'zod/mini';
import type { Model, ModelAnswer, ModelRequest } from './model-server.ts';

/** The only key that is right. */
export const OPENAI_KEY = 'test-key';
/** The tool that every agent here has, what it is called with, and what it returns. */
export const TOOL = { name: 'read_file', args: { path: 'secret-argument.txt' }, result: 'secret-result' } as const;
export const OPENAI_CALL_ID = 'call_of_the_test';

/**
 * Asks for one call of the tool, wants its result, and ends: OpenAI's Responses API and Chat Completions, as far as an
 * agent with one function tool needs them. What it looks at has to be right, and a result comes after its call.
 */
export const openaiModel: Model = (request) => {
  if (request.headers['authorization'] !== `Bearer ${OPENAI_KEY}`) throw new Error('the key is wrong');
  if (request.path === '/v1/responses') return responsesAnswer(request);
  if (request.path === '/v1/chat/completions') return completionsAnswer(request);
  throw new Error(`${request.path} is not known`);
};

const parameters = z.looseObject({
  type: z.literal('object'),
  properties: z.looseObject({ path: z.looseObject({ type: z.literal('string') }) }),
});

const responsesRequest = z.object({
  model: z.string(),
  instructions: z.string(),
  stream: z.optional(z.boolean()),
  tools: z.tuple([z.object({ type: z.literal('function'), name: z.literal(TOOL.name), parameters })]),
  input: z.array(
    z.union([
      z.object({ role: z.literal('user') }),
      z.object({ type: z.literal('function_call'), call_id: z.literal(OPENAI_CALL_ID), name: z.literal(TOOL.name) }),
      z.object({
        type: z.literal('function_call_output'),
        call_id: z.literal(OPENAI_CALL_ID),
        output: z.literal(TOOL.result),
      }),
    ]),
  ),
});

function responsesAnswer({ body }: ModelRequest): ModelAnswer {
  const { input, stream = false } = responsesRequest.parse(body);
  const isAnswered = input.some((item) => 'output' in item);
  if (isAnswered && !input.some((item) => 'name' in item)) throw new Error('a result without its call');
  const response = {
    id: 'resp_1',
    object: 'response',
    created_at: 1,
    status: 'completed',
    model: 'test-model',
    parallel_tool_calls: true,
    tool_choice: 'auto',
    tools: [],
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: {},
    output: [isAnswered ? message : functionCall],
    usage: {
      input_tokens: 1,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: 1,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 2,
    },
  };
  if (!stream) return { json: response };
  return {
    events: [
      { type: 'response.created', sequence_number: 0, response: { ...response, status: 'in_progress', output: [] } },
      { type: 'response.output_item.added', sequence_number: 1, output_index: 0, item: response.output[0] },
      { type: 'response.output_item.done', sequence_number: 2, output_index: 0, item: response.output[0] },
      { type: 'response.completed', sequence_number: 3, response },
    ],
  };
}

const functionCall = {
  id: 'fc_1',
  type: 'function_call',
  status: 'completed',
  call_id: OPENAI_CALL_ID,
  name: TOOL.name,
  arguments: JSON.stringify(TOOL.args),
};
const message = {
  id: 'msg_1',
  type: 'message',
  status: 'completed',
  role: 'assistant',
  content: [{ type: 'output_text', text: 'done', annotations: [] }],
};

const completionsRequest = z.object({
  model: z.string(),
  tools: z.tuple([
    z.object({ type: z.literal('function'), function: z.object({ name: z.literal(TOOL.name), parameters }) }),
  ]),
  messages: z.array(
    z.union([
      z.object({ role: z.enum(['system', 'user']) }),
      z.object({
        role: z.literal('assistant'),
        tool_calls: z.tuple([z.object({ id: z.literal(OPENAI_CALL_ID), type: z.literal('function') })]),
      }),
      z.object({ role: z.literal('tool'), tool_call_id: z.literal(OPENAI_CALL_ID), content: z.literal(TOOL.result) }),
    ]),
  ),
});

function completionsAnswer({ body }: ModelRequest): ModelAnswer {
  const { messages } = completionsRequest.parse(body);
  const isAnswered = messages.some(({ role }) => role === 'tool');
  if (isAnswered && !messages.some((message) => 'tool_calls' in message)) throw new Error('a result without its call');
  const call = { name: TOOL.name, arguments: JSON.stringify(TOOL.args) };
  const toolCall = { id: OPENAI_CALL_ID, type: 'function', function: call };
  const said = isAnswered ? { content: 'done' } : { content: null, tool_calls: [toolCall] };
  const choice = { index: 0, message: { role: 'assistant', refusal: null, ...said }, logprobs: null };
  return {
    json: {
      id: 'chatcmpl_1',
      object: 'chat.completion',
      created: 1,
      model: 'test-model',
      choices: [{ ...choice, finish_reason: isAnswered ? 'stop' : 'tool_calls' }],
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    },
  };
}
