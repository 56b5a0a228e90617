/**
 * A mapping of the file that is read key by key. Each read notes the effective value with its source and each mistake is
 * collected, so that one pass gives both: what the agent runs with, and everything that is wrong.
 */
import type { SecretSources } from "./read_secret.ts";
import { placeOf, readYamlMap, tryReadYaml, yamlError, YamlMistake, type YamlValue } from "./yaml_reader.ts";
import type { Setting, SettingSource, SettingValue } from "./agent_config.ts";
import type { Field, TextField } from "./field.ts";
import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";

/** What is found while a file is read. */
export interface ConfigReader extends SecretSources {
  mistakes: YamlMistake[];
  settings: Setting[];
  /** Every key that may be written, such as `sites[].ranges`. */
  keys: Set<string>;
}

export interface Section<K extends string> {
  /** Empty for the root. */
  readonly path: string;
  /** Whether the file has a mapping here. */
  readonly isMapping: boolean;
  value(key: K): YamlValue | undefined;
  /** The value of the file, or `fallback`, also where there is a mistake. */
  read<T>(key: K, field: Field<T>, fallback: T, source?: SettingSource): T;
  /** As `read`; the environment comes first. */
  readOverridable<T>(
    key: K,
    field: TextField<T>,
    options: { fallback: T; variable: string; source?: SettingSource },
  ): T;
  /** As `read`, where it is a mistake to leave the key out. */
  require<T>(key: K, field: Field<T>, options: { placeholder: T; hint: string }): T;
  /** Notes a value that is made of a whole part of the file. */
  note(key: K, value: SettingValue): void;
  pathOf(key: K): string;
}

export interface SectionOptions<K extends string> {
  path: string;
  known: readonly K[];
  /** What is left out is not noted, as another section shows it. */
  inherits?: boolean;
  /** A mistyped key is shown only when it is near a known one, as half a secret may have become a key. */
  keysMayBeSecret?: boolean;
}

/** Reads a mapping that may be missing; unknown keys and what is no mapping are mistakes. */
export function openSection<K extends string>(
  reader: ConfigReader,
  value: YamlValue | undefined,
  { path, known, inherits, keysMayBeSecret = false }: SectionOptions<K>,
): Section<K> {
  const onMistake = (mistake: YamlMistake) => void reader.mistakes.push(mistake);
  const pathOf = (key: string) => path === "" ? key : `${path}.${key}`;
  for (const key of known) reader.keys.add(pathOf(key).replace(/\[\d+\]/g, "[]"));
  const what = path === "" ? "the file" : path;
  const values = value && tryReadYaml(onMistake, () => readYamlMap(value, { what, known, keysMayBeSecret, onMistake }));

  function note(key: K, shown: SettingValue, source?: SettingSource): void {
    const at = values?.[key];
    reader.settings.push({ path: pathOf(key), value: shown, source: source ?? sourceOf(at) });
  }

  const section: Section<K> = {
    path,
    isMapping: values !== undefined,
    pathOf,
    value: (key) => values?.[key],
    note: (key, shown) => note(key, shown),
    read(key, field, fallback, source) {
      const at = values?.[key];
      if (at === undefined) {
        if (!inherits) note(key, field.show(fallback), source);
        return fallback;
      }
      const result = tryReadYaml(onMistake, () => ({ read: field.read(at, pathOf(key), onMistake) }));
      if (result === undefined) return fallback;
      note(key, field.show(result.read));
      return result.read;
    },
    readOverridable(key, field, { fallback, variable, source }) {
      const text = reader.env(variable);
      if (text === undefined || text === "") return section.read(key, field, fallback, source);
      try {
        const read = field.parse(text);
        note(key, field.show(read), { kind: "environment", variable });
        return read;
      } catch (error) {
        if (!(error instanceof ValueSyntaxError)) throw error;
        // Before all places of the file.
        const message = `Cannot use the environment as ${variable} ${error.reason}: current value is "${text}"`;
        onMistake(new YamlMistake(message, -1, error.hint));
        return fallback;
      }
    },
    require(key, field, { placeholder, hint }) {
      if (values?.[key] !== undefined) return section.read(key, field, placeholder);
      // Where the mapping itself cannot be read there is a mistake already.
      if (value !== undefined && values !== undefined) onMistake(yamlError(value, `${pathOf(key)} is missing`, hint));
      return placeholder;
    },
  };
  return section;
}

/** Where a value of the file stands, or that it is the default. */
export function sourceOf(at: YamlValue | undefined): SettingSource {
  return at === undefined ? { kind: "default" } : { kind: "file", place: placeOf(at).replace(/:\d+$/, "") };
}
