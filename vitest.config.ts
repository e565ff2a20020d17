import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/{contract,e2e,repository}/**/*.test.ts'],
    // Encrypting for real takes its time, and more of it on a loaded machine. No test asserts on time.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // No test may reach a user's own state or credentials.
    env: { AWS_EC2_METADATA_DISABLED: 'true', AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' },
    coverage: { provider: 'v8', include: ['src/**/*.ts'], exclude: ['src/app/vscode/**', '**/*.test.ts'] },
  },
});
