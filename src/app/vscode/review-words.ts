import type { JobPreview } from '../../service/preview.ts';
import { boundText, bytesText, planName, plural, secondsText } from './words.ts';

/** A row of a list. About eighty characters of a detail are seen. */
export interface ReviewLine {
  readonly label: string;
  readonly description?: string;
  readonly detail: string;
}

/** A job before it begins: what is computed, what is sent, how long it takes, where it goes. */
export function reviewLines(preview: JobPreview): readonly ReviewLine[] {
  return [
    jobLine(preview),
    ...clippedLines(preview),
    preview.profile === undefined ? writtenLine(preview) : sentLine(preview),
    timeLine(preview),
    placeLine(preview),
  ];
}

function jobLine({ records, queries, plan }: JobPreview): ReviewLine {
  // Whole queries are canaries there, and which ones is drawn when the job begins.
  const about = plan.packing === 'bits' || plan.packing === 'features' ? 'about ' : '';
  return {
    label: `$(package) ${plural(records, 'record')} in ${about}${plural(queries, 'query', 'queries')}`,
    description: boundText(plan.errorBound),
    detail: `Plan for ${planName(plan.mode).toLowerCase()}: ${plan.packing} packing, ${plan.scheme.toUpperCase()}, ${plan.securityBits}-bit security`,
  };
}

function clippedLines({ clipped }: JobPreview): readonly ReviewLine[] {
  if (clipped === 0) return [];
  const label = `$(warning) ${plural(clipped, 'value')} will be clipped`;
  return [{ label, detail: 'Beyond the range that the deployment was planned for' }];
}

function writtenLine({ bytes, evaluationKeys: keys }: JobPreview): ReviewLine {
  return {
    label: `$(file-binary) ${bytesText(bytes.queries)} to write`,
    detail: `The endpoint also needs ${bytesText(keys.bytes)} of evaluation keys; ${bytesText(bytes.results)} come back`,
  };
}

function sentLine({ bytes, evaluationKeys: keys }: JobPreview): ReviewLine {
  const sent = bytes.queries + (keys.areThere ? 0 : keys.bytes);
  const what = keys.areThere
    ? `Evaluation keys (${bytesText(keys.bytes)}) are there already`
    : `Of it ${bytesText(keys.bytes)} of evaluation keys, this once`;
  return {
    label: `$(cloud-upload) ${bytesText(sent)} to send`,
    detail: `${what}; ${bytesText(bytes.results)} come back`,
  };
}

function timeLine({ profile, parts, seconds, lineSeconds }: JobPreview): ReviewLine {
  const line = lineSeconds === 0 ? '' : `, ${secondsText(lineSeconds)} on a usual line`;
  const label = (text: string): string => `$(clockface) ${text}`;
  if (parts === undefined) {
    const detail = 'By the built-in cost table: the report of the proof is not at hand';
    return { label: label(`About ${secondsText(seconds)} to compute${line}`), detail };
  }
  const { encrypt, evaluate, decrypt } = parts;
  if (profile === undefined)
    return { label: label(`${secondsText(encrypt)} to encrypt`), detail: 'As measured when the model was compiled' };
  return {
    label: label(`${secondsText(seconds)} to compute${line}`),
    detail: `Encrypt ${secondsText(encrypt)}, evaluate ${secondsText(evaluate)}, decrypt ${secondsText(decrypt)}, as measured when compiled`,
  };
}

function placeLine({ profile }: JobPreview): ReviewLine {
  if (profile === undefined) {
    const detail = 'The encrypted queries are for whoever carries them to the endpoint';
    return { label: '$(folder) Nothing is sent', detail };
  }
  if (profile.name === 'local') {
    const detail = 'Profile local: its server is started for this job; nothing leaves the machine';
    return { label: '$(home) On this machine', detail };
  }
  const server = profile.endpoint === 'local' ? 'a server started on this machine' : profile.endpoint;
  return {
    label: `$(cloud) To ${profile.store.replace(/^file:\/\//u, '')}`,
    detail: `Profile ${profile.name}; evaluated by ${server}`,
  };
}
