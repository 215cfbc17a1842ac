import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatEnvelope,
  parseEnvelope,
  preAuthEncoding,
  signEnvelope,
  verifyEnvelope,
} from '../../../src/attestations/dsse.ts';
import { failureOf } from '../core/failure.ts';
import { createKey } from './samples.ts';

const alice = createKey();
const bob = createKey();
const TYPE = 'application/vnd.in-toto+json';
const sealed = (text: string) => signEnvelope(TYPE, Buffer.from(text), alice.privateKey);

describe('a DSSE envelope', () => {
  test('signs the encoding that the protocol gives as its example', () => {
    const encoded = preAuthEncoding('http://example.com/HelloWorld', Buffer.from('hello world'));
    expect(Buffer.from(encoded).toString()).toBe('DSSEv1 29 http://example.com/HelloWorld 11 hello world');
    expect(Buffer.from(preAuthEncoding('ü', Buffer.from('ü'))).toString()).toBe('DSSEv1 2 ü 2 ü');
  });

  test('is read as it was written', () => {
    const bytes = fc.uint8Array().map((each) => Buffer.from(each));
    const signature = fc.record({ keyid: fc.stringMatching(/^[\x20-\x7e]{0,200}$/), sig: bytes });
    const envelope = fc.record({
      payloadType: fc.string({ minLength: 1, maxLength: 200 }),
      payload: bytes,
      signatures: fc.array(signature, { minLength: 1, maxLength: 16 }),
    });
    fc.assert(
      fc.property(envelope, (each) => {
        expect(parseEnvelope(Buffer.from(formatEnvelope(each)), 'FILE')).toEqual(each);
      }),
    );
  });

  const whole = { payloadType: TYPE, payload: 'e30=', signatures: [{ keyid: 'a', sig: 'YQ==' }] };
  test.each([
    ['a list', []],
    ['an unknown key', { ...whole, extra: 1 }],
    ['an unknown key of a signature', { ...whole, signatures: [{ sig: 'YQ==', cert: 'x' }] }],
    ['no type', { ...whole, payloadType: '' }],
    ['no signature', { ...whole, signatures: [] }],
    ['too many signatures', { ...whole, signatures: Array.from({ length: 17 }, () => ({ sig: 'YQ==' })) }],
    ['a name of a key that is too long', { ...whole, signatures: [{ keyid: 'k'.repeat(201), sig: 'YQ==' }] }],
    ['a name of a key that acts upon a terminal', { ...whole, signatures: [{ keyid: 'k\u001b[2J', sig: 'YQ==' }] }],
    ['a name of a key of two lines', { ...whole, signatures: [{ keyid: 'k\n::error::x', sig: 'YQ==' }] }],
    ['a name of a key that turns around', { ...whole, signatures: [{ keyid: 'k\u202e', sig: 'YQ==' }] }],
    ['a signature of another type', { ...whole, signatures: [{ sig: 1 }] }],
    ['base64 with a line end', { ...whole, payload: 'e30=\n' }],
    ['base64 with bits left over', { ...whole, signatures: [{ sig: 'YR==' }] }],
    ['base64 of URLs', { ...whole, payload: '_-8=' }],
  ])('is refused with %s', (_, json) => {
    const error = failureOf(() => parseEnvelope(Buffer.from(JSON.stringify(json)), 'FILE'));
    expect([error.code, error.message]).toEqual(['MALFORMED', expect.stringMatching(/^FILE: /)]);
  });

  test('needs one trusted signature of several', () => {
    const [ofAlice] = sealed('{}').signatures;
    const [ofBob] = signEnvelope(TYPE, Buffer.from('{}'), bob.privateKey).signatures;
    if (ofAlice === undefined || ofBob === undefined) throw new Error('unsigned');
    const both = { ...sealed('{}'), signatures: [ofBob, ofAlice] };
    expect(verifyEnvelope(both, [alice])).toEqual({ status: 'verified', keyid: alice.keyid });
    expect(verifyEnvelope({ ...both, signatures: [ofBob] }, [alice])).toEqual({
      status: 'untrusted',
      reason: `signed by key ${bob.keyid}; that is none of the trusted keys`,
    });
    expect(verifyEnvelope(both, []).status).toBe('untrusted');
  });

  test('whose signature names no key is tried with each', () => {
    const { signatures, ...rest } = sealed('{}');
    const nameless = { ...rest, signatures: signatures.map(({ sig }) => ({ keyid: '', sig })) };
    expect(verifyEnvelope(nameless, [bob, alice])).toEqual({ status: 'verified', keyid: alice.keyid });
    expect(verifyEnvelope(nameless, [bob]).status).toBe('untrusted');
  });

  test('is wrong when a trusted key is named that did not sign', () => {
    const forged = {
      ...sealed('{}'),
      signatures: signEnvelope(TYPE, Buffer.from('{}'), bob.privateKey).signatures.map(({ sig }) => ({
        keyid: alice.keyid,
        sig,
      })),
    };
    expect(verifyEnvelope(forged, [alice, bob])).toEqual({
      status: 'wrong',
      reason: `the signature is not that of key ${alice.keyid}, which it names`,
    });
    expect(verifyEnvelope({ ...sealed('{}'), payload: Buffer.from('{ }') }, [alice]).status).toBe('wrong');
    expect(verifyEnvelope({ ...sealed('{}'), payloadType: 'text/plain' }, [alice]).status).toBe('wrong');
    expect(
      verifyEnvelope({ ...sealed('{}'), signatures: [{ keyid: alice.keyid, sig: Buffer.alloc(0) }] }, [alice]).status,
    ).toBe('wrong');
  });
});
