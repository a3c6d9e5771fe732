import { expect, it } from 'vitest';
import { requirements, runConformance } from '../../../../../interop/mcp/conformance.ts';

it.each(requirements)(
  'the conformance kit of MCP finds no failure that its baseline for %s does not list',
  async (era) => {
    const { isOk, summary, output } = await runConformance(era);
    expect(isOk, output).toBe(true);
    expect(summary).toMatch(/^Total: \d+ passed/);
  },
);
