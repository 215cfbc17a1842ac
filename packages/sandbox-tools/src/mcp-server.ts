import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { TextEditor } from './editor/text-editor.ts';
import { identity } from './identity.ts';
import { defaultTimeout, outputLimit, type BashTool } from './shell/bash-tool.ts';
import type { ToolAnswer } from './shell/bash-answer.ts';

const bashDescription = `Runs a command in a shell session of the sandbox (bash, else sh). The working directory, variables and functions last
from call to call. stdout and stderr come back together, in order, then a line with the exit code. Standard input is
empty. What a command leaves in the background goes on; its later output comes with the next call. After
timeout_seconds (${defaultTimeout} when not given) the command is ended and the next call starts a new session in the same directory. Of more than
${outputLimit} bytes of output the middle is cut. restart: true ends the session and everything in it; a command given with it runs in the new one.`;

const editorDescription = `Views and edits text files (UTF-8) in the sandbox by absolute path.
view: a file with line numbers (view_range: [first, last], last -1 for the end), or the names in a directory, two levels deep.
create: writes file_text to path, making directories as needed; an existing file is overwritten, and undo_edit brings it back.
str_replace: replaces old_str, which must occur exactly once, by new_str (nothing when not given).
insert: puts new_str as whole lines after line insert_line (0: at the beginning).
undo_edit: takes the last edit of path back, up to 10 times; a created file is removed.
Line endings, a byte order mark, mode and owner of an edited file stay as they are.`;

/** The MCP server with the tools `bash` and `text_editor`. */
export function createMcpServer(bash: BashTool, random: () => string): McpServer {
  const server = new McpServer({ name: identity.tool, version: String(identity.version) });
  server.registerTool(
    'bash',
    {
      description: bashDescription,
      inputSchema: {
        command: z.string().optional(),
        restart: z.boolean().optional(),
        timeout_seconds: z.number().positive().max(86_400).optional(),
      },
    },
    async (call, { signal }) => result(await answered(() => bash.call(call, signal))),
  );
  const editor = new TextEditor(random);
  server.registerTool(
    'text_editor',
    {
      description: editorDescription,
      inputSchema: {
        command: z.enum(['view', 'create', 'str_replace', 'insert', 'undo_edit']),
        path: z.string().min(1),
        file_text: z.string().optional(),
        old_str: z.string().optional(),
        new_str: z.string().optional(),
        insert_line: z.number().int().min(0).optional(),
        view_range: z.tuple([z.number().int(), z.number().int()]).optional(),
      },
    },
    async (call) => result(await answered(() => Promise.resolve({ text: editor.call(call), isError: false }))),
  );
  return server;
}

/** A failure of a tool is an answer, whatever it is: the server lives on. */
async function answered(serve: () => Promise<ToolAnswer>): Promise<ToolAnswer> {
  try {
    return await serve();
  } catch (error) {
    return { text: error instanceof Error ? error.message : String(error), isError: true };
  }
}

const result = ({ text, isError }: ToolAnswer): CallToolResult => ({ content: [{ type: 'text', text }], isError });
