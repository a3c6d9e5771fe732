import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readConfig } from '../packages/server/src/ground/config.ts';
import { fillGuide, readGuide, skillFiles, skillName } from '../packages/server/src/doors/pages/guide.ts';
import { documentValues } from '../packages/server/src/doors/pages/values.ts';

/**
 * The guide as an Agent Skill in this repository: `skills/pinchwork`, for a server with default settings on its default
 * address. `npm run docs` writes it; a test fails when it and the server's guide differ. `pinchwork skill install`
 * installs the skill of a running server, with that server's address and prices.
 */
export const skillFolder = fileURLToPath(new URL(`../skills/${skillName}/`, import.meta.url));

/** The files that the folder should have. */
export const generatedSkill = (): ReadonlyMap<string, string> =>
  skillFiles(fillGuide(readGuide(), { ...documentValues(readConfig({}).config), base_url: 'http://127.0.0.1:8000' }));

/** The files that the folder has. */
export function writtenSkill(): ReadonlyMap<string, string> {
  const entries = readdirSync(skillFolder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    entries.map(({ parentPath, name }) => {
      const path = `${parentPath.replace(/\/$/, '')}/${name}`;
      return [relative(skillFolder, path), readFileSync(path, 'utf8')];
    }),
  );
}

if (import.meta.main) {
  rmSync(skillFolder, { recursive: true, force: true });
  for (const [name, text] of generatedSkill()) {
    const path = skillFolder + name;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}
