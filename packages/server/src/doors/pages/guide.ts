import { DomainError } from '../../ground/errors.ts';
import { version } from '../../ground/version.ts';
import { sectionsOf, shortNames } from './sections.ts';
import { fill, readTemplate, type Values } from './template.ts';

/** The name of the skill, which is that of its folder. */
export const skillName = 'pinchwork';

/** The files that an agent reads after the core, in order. */
export const referenceNames = [
  'posting',
  'working',
  'standing',
  'conversation',
  'events',
  'http-api',
  'infra-work',
] as const;

/** The guide for agents, as templates: a core that every agent reads, and references by subject. */
interface GuideTemplates {
  readonly core: string;
  readonly references: readonly { readonly name: string; readonly text: string }[];
}

/** Reads the guide from the folder `documents/skill`, its only source. */
export function readGuide(): GuideTemplates {
  return {
    core: readTemplate('skill/SKILL.md'),
    references: referenceNames.map((name) => ({ name, text: readTemplate(`skill/references/${name}.md`) })),
  };
}

/** The front matter of `/skill.md`, which has always had the version at its top. */
const ofThePage = `version: ${version}`;

/** The front matter of an installed skill: fields of the Agent Skills specification only. */
const ofTheSkill = [
  'license: MIT',
  'compatibility: Needs network access to a Pinchwork server, and either curl or Node 20 or newer.',
  'metadata:',
  `  version: "${version}"`,
].join('\n');

/** The table of the files and their sections. */
function contents({ references }: GuideTemplates): string {
  const rows = references.map(({ name, text }) => {
    const sections = sectionsOf(text).map(({ slug }) => `\`${slug}\``);
    return `| \`${name}\` | ${introOf(text)} | ${sections.join(', ')} |`;
  });
  return ['| File | For | Sections |', '|---|---|---|', ...rows].join('\n');
}

/** The line below a file's title, which says what it is for. */
const introOf = (text: string) => /^# .*\n\n(.*)$/m.exec(text)?.[1] ?? '';

/** The guide of one server, filled in. */
export interface Guide {
  /** The front matter and the core, as `/skill.md` has them. */
  readonly page: string;
  /** The same as the file `SKILL.md` of an Agent Skill. */
  readonly skill: string;
  /** The files of the folder `references` by name, without their ending. */
  readonly references: ReadonlyMap<string, string>;
}

/**
 * Fills in the guide.
 *
 * @throws Error for a value that is missing
 */
export function fillGuide(templates: GuideTemplates, values: Values): Guide {
  const core = (front_matter: string) =>
    fill(templates.core, { ...values, front_matter, contents: contents(templates) });
  return {
    page: core(ofThePage),
    skill: core(ofTheSkill),
    references: new Map(templates.references.map(({ name, text }) => [name, fill(text, values)])),
  };
}

/** The paths of an Agent Skill's files, relative to its folder, with their texts. */
export const skillFiles = ({ skill, references }: Guide): ReadonlyMap<string, string> =>
  new Map([['SKILL.md', skill], ...[...references].map(([name, text]) => [`references/${name}.md`, text] as const)]);

/**
 * What `/skill.md` answers: the core, or the part with this name.
 *
 * @param wanted a section's slug or short name, a reference's name, or `all`
 * @throws DomainError `not_found` with the names there are
 */
export function partOf({ page, references }: Guide, wanted: string | string[] | undefined): string {
  if (wanted === undefined || wanted === '') return page;
  const name = [wanted].flat().join().toLowerCase();
  const files = [page, ...references.values()];
  if (name === 'all') return files.join('\n');
  const sections = files.flatMap(sectionsOf);
  const section = sections.find(({ slug }) => slug === (shortNames[name] ?? name))?.text;
  const found = section ?? references.get(name);
  if (found !== undefined) return found;
  throw new DomainError(
    'not_found',
    'There is no such section in the guide',
    `Sections: ${sections.map(({ slug }) => slug).join(', ')}. Files: ${referenceNames.join(', ')}, all.`,
  );
}
