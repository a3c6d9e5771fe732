import jq from '@michaelhomer/jqjs';
import { usage } from '../failure.ts';

/** What a jq expression selects. @throws Failure for an expression that is wrong, or does not fit the value */
export function select(expression: string, value: unknown): unknown[] {
  try {
    return [...jq.compile(expression)(value)];
  } catch (error) {
    throw usage(`--jq: ${error instanceof Error ? error.message : String(error)}`);
  }
}
