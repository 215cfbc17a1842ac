// An agent with one tool. node gemini-agent.mjs import|require MODE
import { createRequire } from 'node:module';

const [kind, mode] = process.argv.slice(2);
const { GoogleGenAI } =
  kind === 'require' ? createRequire(import.meta.url)('@google/genai') : await import('@google/genai');

const ai = new GoogleGenAI({ apiKey: process.env.GEMINI_API_KEY, httpOptions: { baseUrl: process.env.MODEL_URL } });
const model = 'test-model';
const declaration = {
  functionDeclarations: [
    { name: 'read_file', parametersJsonSchema: { type: 'object', properties: { path: { type: 'string' } } } },
  ],
};
const answerTo = ({ id, name, args }) => ({
  functionResponse: {
    ...(id !== undefined && { id }),
    name,
    response: { output: args.path === 'secret-argument.txt' ? 'secret-result' : 'another file' },
  },
});
const callable = { tool: async () => declaration, callTool: async (calls) => calls.map(answerTo) };
const question = { role: 'user', parts: [{ text: 'Read it.' }] };

/** Everything that a stream gives. */
async function whole(stream) {
  const parts = [];
  for await (const piece of await stream) parts.push(...piece.candidates[0].content.parts);
  return {
    text: parts.map((part) => part.text ?? '').join(''),
    calls: parts.flatMap((part) => part.functionCall ?? []),
  };
}

const tellers = {
  async manual() {
    const config = { tools: [declaration] };
    const first = await ai.models.generateContent({ model, contents: [question], config });
    const answers = { role: 'user', parts: first.functionCalls.map(answerTo) };
    const contents = [question, first.candidates[0].content, answers];
    return (await ai.models.generateContent({ model, contents, config })).text;
  },
  async automatic() {
    return (await ai.models.generateContent({ model, contents: 'Read it.', config: { tools: [callable] } })).text;
  },
  async stream() {
    const config = { tools: [declaration] };
    const { calls } = await whole(ai.models.generateContentStream({ model, contents: [question], config }));
    const said = { role: 'model', parts: calls.map((functionCall) => ({ functionCall })) };
    const contents = [question, said, { role: 'user', parts: calls.map(answerTo) }];
    return (await whole(ai.models.generateContentStream({ model, contents, config }))).text;
  },
  async 'automatic-stream'() {
    const config = { tools: [callable] };
    return (await whole(ai.models.generateContentStream({ model, contents: 'Read it.', config }))).text;
  },
  async chat() {
    const chat = ai.chats.create({ model, config: { tools: [declaration] } });
    const { functionCalls } = await chat.sendMessage({ message: 'Read it.' });
    const { text } = await chat.sendMessage({ message: functionCalls.map(answerTo) });
    await chat.getHistory();
    return text;
  },
  async fail() {
    const config = { tools: [{ ...callable, callTool: () => Promise.reject(new Error('the tool broke')) }] };
    return (await ai.models.generateContent({ model, contents: 'Read it.', config })).text;
  },
};

console.log(await tellers[mode]());
