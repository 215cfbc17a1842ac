/** Writes what happened to the file of `--result`; without one it does nothing. */
export async function writeResult(file: string | undefined, result: unknown): Promise<void> {
  if (file === undefined) return;
  const { writeFileAtomically } = await import('../disk/write-file.ts');
  await writeFileAtomically(file, `${JSON.stringify(result)}\n`);
}
