import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { archFrom } from '../../../src/core/target.ts';
import { ELF_HEAD, elfFactsFrom } from '../../../src/inject/elf.ts';

describe('the head of an ELF file', () => {
  test('of the program that runs this test names its architecture and its loader', async () => {
    const head = (await readFile(process.execPath)).subarray(0, ELF_HEAD);
    const facts = elfFactsFrom(head);
    expect(facts?.arch).toBe(archFrom(process.arch));
    expect(facts?.interpreter).toMatch(/^\/.*ld-/);
  });

  test('never breaks the reader, whatever a sandbox puts there', async () => {
    const head = (await readFile(process.execPath)).subarray(0, 1024);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1023), fc.nat(255))), fc.nat(1024), (changes, length) => {
        const bytes = Buffer.from(head);
        for (const [at, value] of changes) bytes[at] = value;
        elfFactsFrom(bytes.subarray(0, length));
      }),
    );
    expect(elfFactsFrom(Buffer.from('#!/bin/sh\n'.padEnd(100)))).toBeUndefined();
  });
});
