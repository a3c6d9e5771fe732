import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Market } from './market.ts';

/** The code blocks of a Markdown text in one language. */
export const blocksOf = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, 'g'))].map(([, block]) => block!);

/** Runs the guide's own curl commands against a market of this process. */
export class GuideReader {
  readonly #lines: readonly string[];
  readonly #url: string;

  private constructor(lines: readonly string[], url: string) {
    this.#lines = lines;
    this.#url = url;
  }

  /** Opens the market on a port, and reads its guide. */
  static async open(market: Market): Promise<GuideReader> {
    const url = await market.app.listen({ host: '127.0.0.1', port: 0 });
    const { host } = new URL(url);
    const { text } = await market.request({ method: 'GET', url: '/skill.md?section=all', headers: { host } });
    const lines = blocksOf(text, 'sh').flatMap((block) => block.trimEnd().split('\n'));
    return new GuideReader(lines, url);
  }

  /**
   * Runs the first line of the guide that has these words.
   *
   * @param variables what the guide's variables are: `KEY`, `WORKER`, `TASK`, …
   * @param body what to send in place of the guide's example
   * @returns the JSON reply, an error's too
   */
  async run(
    words: string,
    variables: Readonly<Record<string, string>>,
    body?: object,
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into replies of every shape
  ): Promise<any> {
    const line = this.#lines.find((each) => each.includes(words));
    if (line === undefined) throw new Error(`The guide has no command with ${words}`);
    const plain = line.replace(/^REPLY=\$\((.*)\) \|\| true$/, '$1');
    const changed =
      body === undefined ? plain : plain.replace(/-d '.*?' (?=["$])/, () => `-d '${JSON.stringify(body)}' `);
    const command = changed.replace('curl ', "curl -H 'Accept: application/json' -H 'Content-Type: application/json' ");
    const ran = promisify(execFile)('sh', ['-eu', '-c', command], {
      env: { PATH: process.env.PATH, URL: this.#url, ...variables },
    });
    // With --fail-with-body the reply to a refused command is printed too.
    const { stdout } = await ran.catch((error: unknown) => error as { stdout: string });
    return JSON.parse(stdout);
  }
}
