/** The prefix of each kind of id (contract section 1). */
export const idPrefixes = {
  agent: 'ag-',
  task: 'tk-',
  ledgerEntry: 'le-',
  question: 'qa-',
  message: 'msg-',
  report: 'rp-',
  adminAction: 'aa-',
  outbox: 'ob-',
  delivery: 'wd-',
  key: 'ky-',
  invite: 'in-',
  dispute: 'dp-',
} as const;
export type IdKind = keyof typeof idPrefixes;

/** The characters of ids and keys, in ASCII order, so that ids sort as their numbers do. */
export const idAlphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
export const idLength = 12;
export const apiKeyPrefix = 'pwk-';

/** Whether `text` has the shape of an id of this kind. Says nothing about whether it exists. */
export function isId(kind: IdKind, text: string): boolean {
  const prefix = idPrefixes[kind];
  return text.startsWith(prefix) && /^[0-9A-Za-z]{12}$/.test(text.slice(prefix.length));
}
