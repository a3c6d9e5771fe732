import type { Reporter } from 'vitest/node';

/**
 * Names the tests that were skipped with a reason, such as a program that this machine lacks: at the end of a run, before
 * its figures.
 */
export const notRun: Reporter = {
  onTestRunEnd(modules) {
    const lines = modules.flatMap((module) =>
      [...module.children.allTests('skipped')].flatMap((test) => {
        const { note } = test.result() as { readonly note?: string };
        return note === undefined ? [] : [`  ${module.relativeModuleId}: ${test.fullName} (${note})`];
      }),
    );
    if (lines.length > 0) console.log(['Not run here:', ...lines].join('\n'));
  },
};
