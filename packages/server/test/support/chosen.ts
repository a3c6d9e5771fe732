const engineNames = ['SQLite', 'PostgreSQL'] as const;
export type EngineName = (typeof engineNames)[number];

const byWord: Readonly<Record<string, EngineName>> = { sqlite: 'SQLite', postgres: 'PostgreSQL' };

function namedIn(words: string | undefined): ReadonlySet<EngineName> {
  if (words === undefined || words.trim() === '') return new Set(engineNames);
  return new Set(
    words.split(',').map((word) => {
      const name = byWord[word.trim().toLowerCase()];
      if (name === undefined)
        throw new Error(`ENGINES has "${word.trim()}": use sqlite, postgres or both: sqlite,postgres`);
      return name;
    }),
  );
}

/**
 * The engines that this run is to use: those that `ENGINES` lists (`sqlite`, `postgres`, separated by commas), or both.
 * Of these, a project of vitest.config.ts may take one: its `PINCHWORK_TEST_ENGINES`.
 *
 * @throws Error for a word that names no engine.
 */
export function chosenEngines(
  words: string | undefined = process.env.ENGINES,
  ofProject: string | undefined = process.env.PINCHWORK_TEST_ENGINES,
): ReadonlySet<EngineName> {
  const taken = namedIn(ofProject);
  return new Set([...namedIn(words)].filter((name) => taken.has(name)));
}
