import * as z from 'zod/mini';
import type { Model } from './model-server.ts';
import { TOOL } from './openai-model.ts';

/** The only key that is right. */
export const GEMINI_KEY = 'test-key';
export const GEMINI_CALL_ID = 'function-call-of-the-test';

/**
 * Asks for one call of the tool, wants its result, and ends: `generateContent` and `streamGenerateContent` of Gemini's API,
 * as far as an agent with one function needs them. What it looks at has to be right, and an answer comes after its call.
 * @param id of the call; undefined for a model that gives none.
 */
export function geminiModel(id: string | undefined): Model {
  const call = { name: TOOL.name, args: TOOL.args, ...(id !== undefined && { id }) };
  return ({ path, query, headers, body }) => {
    if (headers['x-goog-api-key'] !== GEMINI_KEY) throw new Error('the key is wrong');
    const isStream = path === '/v1/models/test-model:streamGenerateContent' && query.get('alt') === 'sse';
    if (!isStream && path !== '/v1/models/test-model:generateContent') throw new Error(`${path} is not known`);
    const parts = request.parse(body).contents.flatMap((content) => content.parts);
    const answers = parts.flatMap((part) => ('functionResponse' in part ? [part.functionResponse] : []));
    if (answers.length > 1) throw new Error('one call has one answer');
    if (answers.some((answer) => answer.id !== undefined && answer.id !== id)) throw new Error('no call has that id');
    if (answers.length > 0 && !parts.some((part) => 'functionCall' in part))
      throw new Error('an answer without its call');
    const said = answers.length > 0 ? { text: 'done' } : { functionCall: call };
    const candidate = { content: { role: 'model', parts: [said] }, finishReason: 'STOP', index: 0 };
    const response = { candidates: [candidate], modelVersion: 'test-model', responseId: 'r1' };
    return isStream ? { events: [response] } : { json: response };
  };
}

const request = z.object({
  tools: z.tuple([z.object({ functionDeclarations: z.tuple([z.object({ name: z.literal(TOOL.name) })]) })]),
  contents: z.array(
    z.object({
      role: z.enum(['user', 'model']),
      parts: z.array(
        z.union([
          z.object({
            functionResponse: z.object({
              id: z.optional(z.string()),
              name: z.literal(TOOL.name),
              response: z.object({ output: z.literal(TOOL.result) }),
            }),
          }),
          z.object({ functionCall: z.object({ name: z.literal(TOOL.name) }) }),
          z.object({ text: z.string() }),
        ]),
      ),
    }),
  ),
});
