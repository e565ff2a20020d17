import { AppError } from '../../error.ts';

/** The keys of one section of a LightGBM file, and lines without a value (`average_output`) as empty texts. */
export type Section = ReadonlyMap<string, string>;

export interface LightgbmText {
  readonly header: Section;
  readonly trees: readonly Section[];
}

/**
 * Splits a LightGBM text model into its header and trees, and notices a cut or altered file by the sizes that the header announces.
 * @throws {AppError} `model.unreadable`
 */
export function splitLightgbm(content: string): LightgbmText {
  const text = content.replaceAll('\r\n', '\n');
  const first = text.search(/^Tree=/mu);
  const end = text.search(/^end of trees$/mu);
  const header = section(text.slice(0, first >= 0 ? first : end >= 0 ? end : text.length));
  if (!text.startsWith('tree\n')) throw unreadable('it does not begin with "tree"');
  const announced = header.get('tree_sizes');
  // Version 2 did not write the end mark; its sizes tell as much.
  if (end < 0 && !(header.get('version') === 'v2' && announced !== undefined))
    throw unreadable('it is cut: "end of trees" is missing');
  const body = first < 0 ? '' : text.slice(first, end >= 0 ? end : text.length);
  const blocks =
    announced === undefined ? body.split(/^(?=Tree=)/mu).filter((block) => block !== '') : cutBySizes(body, announced);
  return { header, trees: blocks.map((block, index) => treeSection(block, index)) };
}

function unreadable(what: string): AppError {
  return new AppError('model.unreadable', `The LightGBM model cannot be read: ${what}.`, {
    hint: 'Save the model again with booster.save_model("model.txt").',
  });
}

/** Trees are plain ASCII, so that bytes and characters count the same. */
function cutBySizes(body: string, announced: string): string[] {
  const blocks: string[] = [];
  let position = 0;
  for (const size of integers(announced)) {
    const block = body.slice(position, position + size);
    if (block.length !== size || !block.startsWith('Tree='))
      throw unreadable(`tree ${String(blocks.length)} has not the announced size of ${String(size)} bytes`);
    blocks.push(block);
    position += size;
  }
  if (body.slice(position).includes('Tree='))
    throw unreadable(`it has more than the ${String(blocks.length)} trees it announces`);
  return blocks;
}

function integers(list: string): number[] {
  const items = list.split(' ').filter((item) => item !== '');
  return items.map((item) => {
    if (!/^\d{1,12}$/u.test(item)) throw unreadable('"tree_sizes" is not a list of counts');
    return Number(item);
  });
}

function treeSection(block: string, index: number): Section {
  const keys = section(block);
  if (keys.get('Tree') !== String(index)) throw unreadable(`tree ${String(index)} is not where it should be`);
  return keys;
}

function section(text: string): Section {
  const keys = new Map<string, string>();
  for (const line of text.split('\n')) {
    const equals = line.indexOf('=');
    if (equals >= 0) keys.set(line.slice(0, equals), line.slice(equals + 1));
    else if (line !== '') keys.set(line, '');
  }
  return keys;
}
