/** Where things lie in a store. `client/` and `server/` are two prefixes because two parties read them. */
export const storeKeys = {
  clientZip: (deployment: string) => `models/${deployment}/client/client.zip`,
  serverZip: (deployment: string) => `models/${deployment}/server/server.zip`,
  report: (deployment: string) => `models/${deployment}/server/report.json`,
  evaluationKeys: (keyId: string) => `keys/${keyId}/evaluation-keys.spk`,
  job: (job: string) => `jobs/${job}/job.json`,
  query: (job: string, index: number) => `jobs/${job}/query-${fiveDigits(index)}.spq`,
  result: (job: string, index: number) => `jobs/${job}/result-${fiveDigits(index)}.spr`,
} as const;

function fiveDigits(index: number): string {
  return String(index).padStart(5, '0');
}
