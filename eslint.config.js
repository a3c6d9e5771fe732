import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

const code = { skipBlankLines: true, skipComments: true };

export default tseslint.config(
  { ignores: ['**/node_modules/', '**/dist/', 'data/'] },
  eslint.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      // `async` marks what a caller must await, also where nothing inside does yet.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidOperator: true },
      ],
      // Kysely's callbacks are meant to be taken apart; errors pass through promises as they come.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // It only sees `new Error(…, { cause })`, not our functions that make one.
      'preserve-caught-error': 'off',
      'max-params': ['error', 4],
      // The one reader of the environment is config.ts.
      'no-restricted-properties': ['error', { object: 'process', property: 'env', message: 'Read it in config.ts.' }],
    },
  },
  // Lines of code: about 300, and a table of documentation or of cases may be longer.
  { files: ['packages/*/src/**'], rules: { 'max-lines': ['error', { ...code, max: 310 }] } },
  { files: ['packages/sdk/src/reference/**'], rules: { 'max-lines': ['error', { ...code, max: 400 }] } },
  { files: ['**/test/**', 'bench/**', 'mutate/**'], rules: { 'max-lines': ['error', { ...code, max: 420 }] } },
  // The validator calls its plugins with five arguments.
  { files: ['packages/server/src/rules/acceptance/findings.ts'], rules: { 'max-params': 'off' } },
  {
    files: [
      'packages/server/src/main.ts',
      'packages/sdk/src/client/options.ts',
      'packages/cli/src/main.ts',
      'examples/**',
      'interop/**',
    ],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    // In the packages, `at` and `present` (ground/present.ts) check what the types cannot show, and name what is missing.
    ignores: ['packages/*/src/**'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    files: ['**/test/**', 'bench/**', 'mutate/**', '*.config.ts'],
    rules: {
      'no-restricted-properties': 'off',
      // Tests look into replies of every shape.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  // The type checker finds undefined names.
  { files: ['**/*.js'], extends: [tseslint.configs.disableTypeChecked], rules: { 'no-undef': 'off' } },
);
