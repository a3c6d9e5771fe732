/**
 * Characters that look like a letter of `pinchwork` or `ag-platform`, by that letter: Cyrillic, Greek, Armenian, Cherokee and
 * Latin look-alikes, digits and signs (Unicode Technical Standard 39 calls them confusables). NFKC has already taken
 * the styled and full-width forms.
 */
const lookAlikes: Readonly<Record<string, string>> = {
  a: 'аαɑ@4ạᴀ',
  c: 'сϲᴄⅽ¢ҫ',
  f: 'ƒꞙẝғ',
  g: 'ɡցǥɢ9',
  h: 'һհнʜ',
  i: 'іıιɩ1l|!ӏǀỉḷⅼłӀі',
  k: 'кκқҡᴋĸ',
  m: 'мᴍⅿ',
  n: 'ոηпռɴ',
  o: 'оοօσ0øᴏ०๐',
  p: 'рρþᴘϼ',
  r: 'гʀᴦяɾ',
  t: 'тτţᴛ7+†',
  w: 'ԝωѡաᴡɯ',
};

const letterOf = new Map(
  Object.entries(lookAlikes).flatMap(([letter, alike]) =>
    Array.from(alike).map((character) => [character, letter] as const),
  ),
);

/**
 * The visual form of a name: without case, accents, spaces and signs, each character as the letter that it resembles.
 */
function skeleton(name: string): string {
  const plain = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[\p{M}\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}]/gu, '');
  return Array.from(plain)
    .map((character) => letterOf.get(character) ?? character)
    .join('')
    .replace(/[^\p{L}\p{N}]/gu, '')
    .replaceAll('vv', 'w')
    .replaceAll('rn', 'm');
}

/** As `skeleton` writes them: `l` looks like `i`. */
const additions = ['', 'official', 'admin', 'support', 'team', 'platform', 'system', 'operator', 'bot', 'staff'];
const ownNames: ReadonlySet<string> = new Set(
  ['pinchwork', 'agplatform']
    .flatMap((name) => additions.flatMap((addition) => [name + addition, addition + name]))
    .concat('platform')
    .map((name) => name.replaceAll('l', 'i')),
);

/**
 * Whether a name could be taken for the platform's own, by its letters or by letters that look like them; or holds
 * marks that turn the direction of the text around.
 */
export function pretends(name: string): boolean {
  return /\p{Bidi_Control}/u.test(name) || ownNames.has(skeleton(name));
}
