/**
 * Reads YAML with the place of every value. All scalars are text (the failsafe schema), so that a community such as
 * 0123 or "no" stays as the operator typed it. The parser's own messages are not shown: they quote the text around the
 * mistake, which may be a secret.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { ConfigError } from "../../common/core/errors.ts";
import { maybeNearestWord } from "../../common/core/nearest_word.ts";

/** A value of a file; `node` is null for a key without a value. */
export interface YamlValue {
  file: YamlFile;
  node: Node | null;
  /** Start of the value, or of its key when it has none. */
  offset: number;
}

/** A mistake in a YAML file and its place: `offset` orders the mistakes of one file. */
export class YamlMistake extends ConfigError {
  constructor(message: string, readonly offset: number, hint?: string, options?: ErrorOptions) {
    super(message, hint, options);
  }
}

/** Receives a mistake so that reading can continue; without a listener the first mistake is thrown. */
export type MistakeListener = (mistake: YamlMistake) => void;

interface YamlFile {
  name: string;
  lines: LineCounter;
  document: Document;
}

const syntaxReasons: Readonly<Record<string, string>> = {
  BAD_INDENT: "its indentation does not fit the lines above",
  TAB_AS_INDENT: "it is indented with a tab",
  DUPLICATE_KEY: "the same key is here twice",
  MISSING_CHAR: "a quote or bracket is not closed",
  BAD_ALIAS: "a text that starts with * or & is not in quotes",
  TAG_RESOLVE_FAILED: "a text that starts with ! is not in quotes",
  BAD_SCALAR_START: "a text that starts with @, ` or % is not in quotes",
  MULTIPLE_DOCS: "the file contains more than one document",
};

/** Throws `YamlMistake` for text that is not YAML; with `onMistake` it still returns a value to continue with. */
export function parseYaml(text: string, name: string, onMistake: MistakeListener = rethrow): YamlValue {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    schema: "failsafe",
    prettyErrors: false,
    // "silent" would accept the first of several documents without an error.
    logLevel: "error",
  });
  const file = { name, lines, document };
  // Invalid UTF-8 in the file was decoded to U+FFFD, which would silently change a password.
  const broken = text.indexOf("\ufffd");
  if (broken >= 0) {
    onMistake(
      yamlError({ file, node: null, offset: broken }, "it is not UTF-8", "save the file as UTF-8"),
    );
  }
  let lastLine = 0;
  for (const problem of [...document.errors, ...document.warnings]) {
    // Further problems on the same line are mostly caused by the first.
    const { line } = lines.linePos(problem.pos[0]);
    if (line === lastLine) continue;
    lastLine = line;
    const reason = syntaxReasons[problem.code] ?? "it is not YAML";
    onMistake(yamlError({ file, node: null, offset: problem.pos[0] }, reason, "check quotes, colons and indentation"));
  }
  return { file, node: document.contents, offset: document.contents?.range?.[0] ?? 0 };
}

function rethrow(mistake: YamlMistake): never {
  throw mistake;
}

/** "Cannot read FILE:LINE:COLUMN as REASON"; the reason must not contain a secret. */
export function yamlError(at: YamlValue, reason: string, hint?: string, options?: ErrorOptions): YamlMistake {
  return new YamlMistake(`Cannot read ${placeOf(at)} as ${reason}`, at.offset, hint, options);
}

/** Runs `read`; a mistake goes to `onMistake`, and the result is undefined. Other errors are rethrown. */
export function tryReadYaml<T>(onMistake: MistakeListener, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof YamlMistake)) throw error;
    onMistake(error);
    return undefined;
  }
}

/** "FILE:LINE:COLUMN", both counted from 1. */
export function placeOf({ file, offset }: YamlValue): string {
  const { line, col } = file.lines.linePos(offset);
  return `${file.name}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
}

/** Line of a value, counted from 1. */
export function lineOf({ file, offset }: YamlValue): number {
  return Math.max(file.lines.linePos(offset).line, 1);
}

/**
 * The values of a mapping whose keys must be among `known`. With `keysMayBeSecret` an unknown key is shown only if it
 * resembles a known one, as `{secret}` is a mapping, too.
 */
export function readYamlMap<K extends string>(
  value: YamlValue,
  options: { what: string; known: readonly K[]; keysMayBeSecret?: boolean; onMistake?: MistakeListener },
): Partial<Record<K, YamlValue>> {
  const { what, known } = options;
  const node = resolved(value);
  if (!isMap(node)) throw yamlError(value, `${what} is not a mapping of keys`, `the keys are ${known.join(", ")}`);
  const values: Partial<Record<K, YamlValue>> = {};
  for (const { key, value: item } of node.items) {
    const keyNode = key as Node;
    const at = { file: value.file, node: keyNode, offset: keyNode.range?.[0] ?? value.offset };
    const name = isScalar(keyNode) ? String(keyNode.value) : "";
    const found = known.find((candidate) => candidate === name);
    if (found === undefined) {
      const nearest = maybeNearestWord(name, known);
      const shown = nearest !== undefined || !options.keysMayBeSecret;
      const mistake = yamlError(
        at,
        shown ? `${what} has no key "${name}"` : `${what} has an unknown key`,
        nearest ? `did you mean "${nearest}"?` : `the keys are ${known.join(", ")}`,
      );
      (options.onMistake ?? rethrow)(mistake);
      continue;
    }
    const itemNode = item as Node | null;
    values[found] = { file: value.file, node: itemNode, offset: itemNode?.range?.[0] ?? at.offset };
  }
  return values;
}

/** The items of a list, which may be empty only when `mayBeEmpty`. */
export function readYamlList(value: YamlValue, what: string, mayBeEmpty = false): YamlValue[] {
  const node = resolved(value);
  if (!isSeq(node)) throw yamlError(value, `${what} is not a list`, "start each item with a dash, or write [a, b]");
  if (node.items.length === 0 && !mayBeEmpty) throw yamlError(value, `${what} is an empty list`);
  return (node.items as (Node | null)[]).map((item) => ({
    file: value.file,
    node: item,
    offset: item?.range?.[0] ?? value.offset,
  }));
}

/** Whether the value is a list, for keys that take one item or several. */
export function isYamlList(value: YamlValue): boolean {
  return isSeq(resolved(value));
}

/** Whether the value is a text, for keys that take a text or a mapping. */
export function isYamlText(value: YamlValue): boolean {
  return isScalar(resolved(value));
}

/** A text, which may be empty only when `mayBeEmpty`. */
export function readYamlText(value: YamlValue, what: string, mayBeEmpty = false): string {
  const node = resolved(value);
  const text = node === null ? "" : isScalar(node) ? String(node.value ?? "") : undefined;
  if (text === undefined) throw yamlError(value, `${what} is not a text`);
  if (text === "" && !mayBeEmpty) throw yamlError(value, `${what} is empty`);
  return text;
}

function resolved(value: YamlValue): Node | null {
  const { node, file } = value;
  if (!isAlias(node)) return node;
  const target = node.resolve(file.document);
  if (target === undefined) throw yamlError(value, syntaxReasons.BAD_ALIAS!, "put it in quotes");
  return target;
}
