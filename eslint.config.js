import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import jsdoc from 'eslint-plugin-jsdoc';
import tseslint from 'typescript-eslint';

const tests = ['**/*.test.ts', 'test/**/*.ts'];

/** What a reader of any file may count on: short functions, few parameters, named exports. */
const size = {
  'max-lines': ['error', { max: 300 }],
  'max-lines-per-function': ['error', { max: 50 }],
  'max-params': ['error', 3],
  complexity: ['error', 10],
  'no-restricted-syntax': [
    'error',
    { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
    { selector: 'ExportAllDeclaration', message: 'No barrels: import from the file that defines it.' },
    { selector: 'TSEnumDeclaration', message: 'A union of literals instead.' },
    {
      // The object `z` keeps every locale and format in the bundles: 454 kB in place of 88.
      selector: 'ImportDeclaration[source.value="zod"] > ImportSpecifier[imported.name="z"]',
      message: "import * as z from 'zod'",
    },
  ],
};

const errors = {
  'no-console': 'error',
  eqeqeq: 'error',
  'preserve-caught-error': 'error',
  '@typescript-eslint/only-throw-error': 'error',
  '@typescript-eslint/no-floating-promises': 'error',
  '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
  '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
  // Numbers in messages are what they look like.
  '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
  // `void 0` and `() => void promise` say that nothing is waited for.
  '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
  '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
};

export default tseslint.config(
  { ignores: ['dist/', 'out/', '.host/', '.bench/', 'coverage/', 'demo-output/', 'test/fixtures/', 'resources/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: { ...size, ...errors },
  },
  {
    files: ['src/core/**/*.ts', 'src/seal/**/*.ts'],
    ignores: tests,
    plugins: { jsdoc },
    rules: {
      'no-restricted-globals': ['error', 'process', 'fetch'],
      'jsdoc/require-jsdoc': ['error', { publicOnly: true, require: { FunctionDeclaration: true } }],
    },
  },
  { files: ['src/app/cli/**/*.ts'], rules: { 'no-console': 'off' } },
  {
    files: tests,
    rules: {
      'max-lines': ['error', { max: 500 }],
      'max-lines-per-function': 'off',
      complexity: ['error', 15],
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/require-await': 'off',
    },
  },
  { files: ['scripts/**', 'test/**', 'bench/**'], rules: { 'no-console': 'off' } },
  {
    files: ['**/*.js', '**/*.cjs'],
    languageOptions: { globals: { console: 'readonly', process: 'readonly', module: 'writable', require: 'readonly' } },
  },
  { files: ['*.config.ts'], rules: { 'no-restricted-syntax': 'off' } },
  prettier,
);
