import type { Registration } from '../program-options.ts';

interface ServeCommandOptions {
  readonly root: string;
  readonly port?: number;
  readonly host?: string;
  readonly tokenFile?: string;
  readonly maxFileBytes?: number;
}

export function registerServe({ program, action }: Registration): void {
  program
    .command('serve')
    .description('serve a directory as an HTTP store, until it is interrupted')
    .requiredOption('--root <dir>', 'the directory to serve')
    .option('--port <n>', 'the port to listen on; 0 for any that is free (default: 8417)', Number)
    .option('--host <address>', 'the address to listen on (default: 127.0.0.1, this machine only)')
    .option('--token-file <file>', 'holds the bearer token that publishing needs; without it files are read only')
    .option('--max-file-bytes <n>', 'take no larger file (default: 2 GiB)', Number)
    .action(
      action(async ({ host, output }, options: ServeCommandOptions) => {
        const { serveStore } = await import('../../flows/serve-store.ts');
        const { describeServeEvent } = await import('../../report/serve-text.ts');
        const server = await serveStore(host, {
          ...options,
          onEvent(event) {
            if (output.json) output.result(event, '');
            else output.say(describeServeEvent(event));
          },
        });
        output.result({ event: 'listening', url: server.url, publishing: options.tokenFile !== undefined }, server.url);
        await server.stopped;
        return 0;
      }),
    );
}
