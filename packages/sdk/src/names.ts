/**
 * Characters that look like a letter of `pinchwork`, `ag-platform` or an office, by that letter: Cyrillic, Greek, Armenian, Cherokee and
 * Latin look-alikes, digits and signs (Unicode Technical Standard 39 calls them confusables). NFKC has already taken
 * the styled and full-width forms.
 */
const lookAlikes: Readonly<Record<string, string>> = {
  a: 'аαɑ@4ạᴀ',
  c: 'сϲᴄⅽ¢ҫ',
  d: 'ԁɗđ',
  e: 'еєεҽɛ3',
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
  s: 'ѕʂ$5',
  t: 'тτţᴛ7+†',
  w: 'ԝωѡաᴡɯ',
  y: 'уүγʏ',
};

const letterOf = new Map(
  Object.entries(lookAlikes).flatMap(([letter, alike]) =>
    Array.from(alike).map((character) => [character, letter] as const),
  ),
);

/** A character of a name as readers see it. */
interface Glyph {
  /** The letter that it resembles. */
  readonly letter: string;
  /** Whether a word can begin at it: after a space or a sign, between letters and digits, at a capital letter. */
  readonly begins: boolean;
}

const kindOf = (character: string) =>
  /\p{L}/u.test(character) ? 'letter' : /\p{N}/u.test(character) ? 'digit' : 'sign';

/**
 * Reads a name as people see it: without accents and invisible characters, each character as the letter that it
 * resembles.
 *
 * @param signs whether signs that resemble a letter (`|`, `!`, `@`) are read as that letter. All others separate words.
 */
function glyphsOf(name: string, signs: boolean): Glyph[] {
  const plain = name.normalize('NFKD').replace(/[\p{M}\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}]/gu, '');
  const glyphs: Glyph[] = [];
  let before = ' ';
  for (const character of plain) {
    const kind = kindOf(character);
    const lower = character.toLowerCase();
    const letter = letterOf.get(lower);
    if (kind !== 'sign' || (signs && letter !== undefined)) {
      const isCapital = /\p{Lu}/u.test(character) && /\p{Ll}/u.test(before);
      glyphs.push({ letter: letter ?? lower, begins: kind !== kindOf(before) || kind === 'sign' || isCapital });
    }
    before = character;
  }
  return joined(joined(glyphs, 'vv', 'w'), 'rn', 'm');
}

/** Reads two neighbouring letters as the one that they look like together. */
function joined(glyphs: readonly Glyph[], pair: string, letter: string): Glyph[] {
  const read: Glyph[] = [];
  for (const glyph of glyphs) {
    const last = read.at(-1);
    if (last !== undefined && last.letter + glyph.letter === pair) read[read.length - 1] = { ...last, letter };
    else read.push(glyph);
  }
  return read;
}

const additions = [
  '',
  'admin',
  'billing',
  'bot',
  'help',
  'official',
  'operator',
  'payment',
  'payments',
  'platform',
  'security',
  'staff',
  'support',
  'system',
  'team',
];
/** As `glyphsOf` reads them: `l` looks like `i`. */
const ownWords: readonly string[] = ['pinchwork', 'agplatform']
  .flatMap((name) => additions.flatMap((addition) => [name + addition, addition + name]))
  .map((name) => name.replaceAll('l', 'i'));
const ownName = 'platform'.replace('l', 'i');

/** Whether a name, read in one way, is the platform's own or has it as a word, or as several words in a row. */
function namesPlatform(glyphs: readonly Glyph[]): boolean {
  const text = glyphs.map(({ letter }) => letter[0]).join('');
  const isEdge = (index: number) => glyphs[index]?.begins ?? true;
  const isWord = (word: string) => {
    for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
      if (isEdge(at) && isEdge(at + word.length)) return true;
    }
    return false;
  };
  return text === ownName || ownWords.some(isWord);
}

/** Whole names of those who run a market, and the name that deleted agents are shown with; as `glyphsOf` reads them. */
const offices: ReadonlySet<string> = new Set(
  ['admin', 'administrator', 'administration', 'deleted', 'moderator', 'operator', 'system'].map((name) =>
    name.replaceAll('l', 'i'),
  ),
);

/** Whether a name is one of the offices, read in one way. */
const isOffice = (glyphs: readonly Glyph[]) => offices.has(glyphs.map(({ letter }) => letter).join(''));

/** Whether a name shows nothing: it has only spaces and characters without a shape. */
export const isBlank = (name: string): boolean => /^[\s\u2800\p{C}\p{M}\p{Default_Ignorable_Code_Point}]*$/u.test(name);

/**
 * Whether a name could be taken for the platform's own, because it has the platform's name as a word, in its letters or
 * in letters that look like them; for that of its operator; or holds marks that turn the direction of the text around.
 */
export function pretends(name: string): boolean {
  if (/\p{Bidi_Control}/u.test(name)) return true;
  return [true, false].some((signs) => {
    const glyphs = glyphsOf(name, signs);
    return isOffice(glyphs) || namesPlatform(glyphs);
  });
}
