/**
 * The verbs that the editor calls. Each is loaded when it is first called: listing key sets does not load the compiler, and nobody
 * without an S3 profile loads the AWS SDK.
 */
export const verbTable = {
  compileModel: async () => (await import('../../service/compile.ts')).compileModel,
  describeModel: async () => (await import('../../service/describe-model.ts')).describeModel,
  readDeploymentReport: async () => (await import('../../service/report-file.ts')).readDeploymentReport,
  inspectArtifact: async () => (await import('../../service/inspect.ts')).inspectArtifact,
  createKeySet: async () => (await import('../../service/create-key-set.ts')).createKeySet,
  listKeySets: async () => (await import('../../service/keys.ts')).listKeySets,
  renameKeySet: async () => (await import('../../service/keys.ts')).renameKeySet,
  exportKeySet: async () => (await import('../../service/keys.ts')).exportKeySet,
  importKeySet: async () => (await import('../../service/keys.ts')).importKeySet,
  deleteKeySet: async () => (await import('../../service/keys.ts')).deleteKeySet,
  previewJob: async () => (await import('../../service/preview.ts')).previewJob,
  encryptData: async () => (await import('../../service/encrypt.ts')).encryptData,
  runJob: async () => (await import('../../service/run.ts')).runJob,
  listArtifacts: async () => (await import('../../service/artifacts.ts')).listArtifacts,
  publishDeployment: async () => (await import('../../service/artifacts.ts')).publishDeployment,
  listJobs: async () => (await import('../../service/jobs.ts')).listJobs,
  addProfile: async () => (await import('../../service/profiles.ts')).addProfile,
  listProfiles: async () => (await import('../../service/profiles.ts')).listProfiles,
  removeProfile: async () => (await import('../../service/profiles.ts')).removeProfile,
} as const;

type Table = typeof verbTable;
export type VerbName = keyof Table;
type Verb<Name extends VerbName> = Awaited<ReturnType<Table[Name]>>;
export type VerbOptions<Name extends VerbName> = Parameters<Verb<Name>>[0];
export type VerbOutcome<Name extends VerbName> = Awaited<ReturnType<Verb<Name>>>;
