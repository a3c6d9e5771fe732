import { randomBytes, randomInt } from 'node:crypto';
import { apiKeyPrefix, idAlphabet, idLength, idPrefixes, type IdKind } from '@pinchwork/sdk/table';
import type { Clock } from './clock.ts';

const base = idAlphabet.length;
const randomDigits = 5;
const timeDigits = idLength - randomDigits;
const randomSpace = base ** randomDigits;

/**
 * Makes ids that sort by time: seven base-62 digits of milliseconds and five random digits. So new rows are adjacent in
 * every index. One generator never repeats an id, also when its clock steps back: within a millisecond it counts on in
 * random steps. When two nodes draw the same id, the primary key refuses one of them, and its transaction draws again
 * (`storage/unique.ts`).
 *
 * @param random returns a whole number from 0 to below its argument.
 */
export function createIds(
  clock: Clock,
  random: (below: number) => number = (below) => randomInt(below),
): (kind: IdKind) => string {
  let latestMs = -1;
  let latest = 0;
  let time = '';
  const startOf = (ms: number, number: number) => {
    latestMs = ms;
    latest = number;
    time = digits(ms, timeDigits);
  };
  return (kind) => {
    const now = clock.now();
    const drawn = random(randomSpace);
    if (now > latestMs) startOf(now, drawn);
    else if (now === latestMs && drawn > latest) latest = drawn;
    else latest += 1 + random(1_000);
    if (latest >= randomSpace) startOf(latestMs + 1, latest - randomSpace);
    return idPrefixes[kind] + time + digits(latest, randomDigits);
  };
}

function digits(value: number, length: number): string {
  let text = '';
  for (let rest = value, i = 0; i < length; i++, rest = Math.floor(rest / base)) {
    text = idAlphabet.charAt(rest % base) + text;
  }
  return text;
}

/**
 * The lengths of a key's two parts: a public name to look the key up by, and a secret of 256 bits (43 digits of 5.95
 * bits).
 */
const keyNameLength = 12;
const keySecretLength = 43;

interface ApiKeyParts {
  /** The id of the key: its public part, with the prefix of key ids. */
  readonly keyId: string;
  /** The whole key, as the agent sends it. */
  readonly key: string;
}

export function createApiKey(): ApiKeyParts {
  const name = randomText(keyNameLength);
  return { keyId: idPrefixes.key + name, key: apiKeyPrefix + name + randomText(keySecretLength) };
}

/** Parses a key from a request. Returns `undefined` when it can't be a key of this product. */
export function parseApiKey(key: string): ApiKeyParts | undefined {
  const pattern = new RegExp(`^${apiKeyPrefix}([0-9A-Za-z]{${keyNameLength}})[0-9A-Za-z]{${keySecretLength}}$`);
  const name = pattern.exec(key)?.[1];
  return name === undefined ? undefined : { keyId: idPrefixes.key + name, key };
}

/** The code of an invite, with 190 random bits. */
export const createInviteCode = (): string => `pwi-${randomText(32)}`;

/** Random text without bias: bytes that would favour the first letters of the alphabet are discarded. */
function randomText(length: number): string {
  const limit = 256 - (256 % idAlphabet.length);
  let text = '';
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      if (byte < limit && text.length < length) text += idAlphabet.charAt(byte % idAlphabet.length);
    }
  }
  return text;
}
