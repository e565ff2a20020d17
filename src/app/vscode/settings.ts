import * as vscode from 'vscode';

/** Every contributed setting with its default; a test holds this against package.json. */
export const settingDefaults = {
  'sealpoint.profile': 'local',
  'sealpoint.predictions.withInput': false,
  'sealpoint.data.clip': false,
  'sealpoint.python': '',
} as const;

export interface Settings {
  readonly profile: string;
  readonly withInput: boolean;
  readonly clip: boolean;
}

/** The settings as they apply to a file. */
export function settingsFor(resource?: vscode.Uri): Settings {
  const configuration = vscode.workspace.getConfiguration('sealpoint', resource);
  return {
    profile: configuration.get('profile', settingDefaults['sealpoint.profile']),
    withInput: configuration.get('predictions.withInput', settingDefaults['sealpoint.predictions.withInput']),
    clip: configuration.get('data.clip', settingDefaults['sealpoint.data.clip']),
  };
}

/** The Python that opens pickles: the setting's, else SEALPOINT_PYTHON's; undefined where Sealpoint shall find one. */
export function pythonSetting(): string | undefined {
  const chosen = vscode.workspace.getConfiguration('sealpoint').get('python', settingDefaults['sealpoint.python']);
  return [chosen, process.env['SEALPOINT_PYTHON']].find((program) => program !== undefined && program !== '');
}
