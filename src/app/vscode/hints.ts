/** The verbs' advice speaks of the command line; each of its ways has one in the editor. Longer texts first. */
const ways: readonly (readonly [RegExp, string])[] = [
  [/Go on from what was verified: sealpoint run DATA --resume \w+/u, 'Resume Job goes on from what was verified.'],
  [/Start a new job without --resume/u, 'Start a new job'],
  [/(?:m|M)ake one: sealpoint keys create DEPLOYMENT/u, 'Create Key Set makes one.'],
  [/ \(sealpoint keys delete\)/u, ''],
  [/ \(sealpoint keys rename\)/u, ''],
  [/delete it first: sealpoint keys delete \S+/u, 'Delete Key Set removes it.'],
  [/sealpoint keys list shows the key sets of each deployment; keys create makes one/u, 'Create Key Set makes one'],
  [/sealpoint keys list shows/u, 'the Keys view shows'],
  [/sealpoint keys export writes one/u, 'Export Key Set writes one'],
  [
    /Make one: sealpoint compile MODEL --calibration ROWS|A deployment is made by: sealpoint compile MODEL --calibration ROWS/u,
    'Compile Model makes one.',
  ],
  [/List (?:them|what there is): sealpoint (?:jobs|artifacts models\/)/u, 'The Artifacts view lists what there is.'],
  [/: sealpoint profiles remove \S+/u, ' with Remove Profile.'],
  [/: --profile NAME/u, ', named by the setting sealpoint.profile.'],
  [/ (?:by its name )?with (?:-o|--key|--deployment)/u, ''],
  [/use --clip/u, 'turn on the setting sealpoint.data.clip'],
  [/--reveal thresholds/u, '“Their thresholds”'],
  [/--mode throughput/u, '“Whole files”'],
  [/--mode latency/u, '“One record”'],
  [/--mode (?=\S)/u, 'the mode '],
  [/--min-agreement (?=[\d$])/u, 'an agreement of '],
  [/--min-agreement/u, 'agreement'],
  [/--max-error/u, 'error'],
  [
    /compile does the second by itself\. SEALPOINT_PYTHON \(in the editor the setting sealpoint\.python\) names/u,
    'Compile Model does the second by itself. The setting sealpoint.python names',
  ],
];

/** Advice as it holds in the editor. */
export function editorHint(hint: string): string {
  return ways.reduce((text, [way, here]) => text.replace(way, here), hint);
}
