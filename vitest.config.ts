import { defineConfig } from 'vitest/config';

/** Encrypting for real takes its time, and more of it on a loaded machine. No test asserts on time. */
const patience = { testTimeout: 120_000, hookTimeout: 120_000 };

/** No test may reach a user's own state or credentials. */
const env = {
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
};

export default defineConfig({
  test: {
    coverage: { provider: 'v8', include: ['src/**/*.ts'], exclude: ['src/app/vscode/**', '**/*.test.ts'] },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/{attacks,contract,e2e,repository,run}/**/*.test.ts'],
          ...patience,
          env,
        },
      },
      /** With a Python that has scikit-learn and its kin. */
      { test: { name: 'python', include: ['test/python/**/*.test.ts'], ...patience, env } },
      /** On what `npm run build` and `npm run package` leave. */
      { test: { name: 'packaging', include: ['test/packaging/**/*.test.ts'], ...patience, env } },
    ],
  },
});
