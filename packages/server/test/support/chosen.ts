const engineNames = ['SQLite', 'PostgreSQL'] as const;
export type EngineName = (typeof engineNames)[number];

const byWord: Readonly<Record<string, EngineName>> = { sqlite: 'SQLite', postgres: 'PostgreSQL' };

/**
 * The engines that this run is to use: those that `ENGINES` lists (`sqlite`, `postgres`, separated by commas), or both.
 *
 * @throws Error for a word that names no engine.
 */
export function chosenEngines(words: string | undefined = process.env.ENGINES): ReadonlySet<EngineName> {
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
