/** One secret of every shape; put together here so that no scanner takes this file for a leak. */
export const SECRETS: readonly (readonly [rule: string, secret: string])[] = [
  ['aws-access-key-id', `AKIA${'A'.repeat(16)}`],
  ['github-token', `ghp_${'a'.repeat(36)}`],
  ['openai-key', `sk-proj-${'a'.repeat(20)}`],
  ['slack-token', `xoxb-${'1'.repeat(10)}`],
  ['google-api-key', `AIza${'a'.repeat(35)}`],
  ['stripe-key', `sk_live_${'a'.repeat(16)}`],
  ['private-key-pem', ['-----BEGIN RSA', 'PRIVATE', 'KEY-----'].join(' ')],
  ['jwt', `eyJ${'a'.repeat(10)}.eyJ${'b'.repeat(10)}.${'c'.repeat(10)}`],
  ['bearer-token', `Bearer ${'a'.repeat(20)}==`],
  ['sensitive-query-param', `access_token=${'a'.repeat(6)}`],
  ['credential-assignment', `password: ${'a'.repeat(6)}`],
];
