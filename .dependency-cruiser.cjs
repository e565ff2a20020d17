/**
 * The layers, one rule a line: core <- seal, concrete, io, cloud <- service <- app.
 * Type imports count: a layer that names another's type depends on it.
 */
const adapters = ['seal', 'concrete', 'io', 'cloud'];
const tests = '\\.test\\.ts$';

/** Product code at `from` may not depend on `to`. */
const forbid = (name, comment, from, to) => ({
  name,
  comment,
  severity: 'error',
  from: { pathNot: tests, ...from },
  to,
});

module.exports = {
  forbidden: [
    { name: 'no-cycles', comment: 'Data goes one way.', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-unresolvable',
      comment: 'Whatever is imported exists.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^vscode$' },
    },
    forbid(
      'core-is-pure',
      'Core imports core, and libraries that need no Node.',
      { path: '^src/core/' },
      {
        path: '^(?!src/core/|node_modules/)',
      },
    ),
    ...adapters.map((adapter) =>
      forbid(
        `adapters-see-core-only (${adapter})`,
        'Adapters do not know each other.',
        { path: `^src/${adapter}/` },
        {
          path: `^src/(?!core/|${adapter}/)`,
        },
      ),
    ),
    forbid(
      'services-see-no-app',
      'Verbs do not know who calls them.',
      { path: '^src/service/' },
      { path: '^src/app/' },
    ),
    forbid(
      'apps-are-islands',
      'Apps share nothing but what lies at src/app itself.',
      { path: '^src/app/([^/]+)/' },
      {
        path: '^src/app/[^/]+/',
        pathNot: '^src/app/$1/',
      },
    ),
    forbid(
      'seal-only-in-seal',
      'One room computes on ciphertexts.',
      { pathNot: `^src/seal/|${tests}|^bench/` },
      {
        path: 'node_modules/node-seal/|^node-seal',
      },
    ),
    forbid(
      'aws-only-in-cloud',
      'One room talks to AWS.',
      { pathNot: `^src/cloud/|^test/|${tests}` },
      {
        path: 'node_modules/@(aws-sdk|smithy)/|^@(aws-sdk|smithy)/',
      },
    ),
    forbid(
      'vscode-only-in-its-app',
      'One room talks to the editor.',
      { pathNot: `^src/app/vscode/|^test/vscode/|${tests}` },
      {
        path: '^vscode$|node_modules/@types/vscode/',
      },
    ),
    forbid(
      'endpoint-has-no-secrets',
      'Nothing of the server can name a secret key.',
      { path: '^src/app/endpoint/|^src/seal/server' },
      {
        path: '^src/seal/client',
      },
    ),
    forbid(
      'product-sees-no-tests',
      'Tests lie beside the product, not in it.',
      { path: '^src/' },
      {
        path: `^(test|bench|scripts)/|${tests}`,
      },
    ),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^test/fixtures/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
