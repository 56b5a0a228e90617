/**
 * A mapping of the file that is read key by key. Each read records the effective value with its source, and mistakes
 * are collected, so that one pass gives both the configuration and all mistakes.
 */
import type { SecretSources } from "./read_secret.ts";
import { placeOf, readYamlMap, tryReadYaml, yamlError, YamlMistake, type YamlValue } from "./yaml_reader.ts";
import type { Setting, SettingSource, SettingValue } from "./agent_config.ts";
import type { Field, TextField } from "./field.ts";
import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";

/** Collects results while a file is read. */
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
  /** The value of the file, or `fallback` if the key is missing or has a mistake. */
  read<T>(key: K, field: Field<T>, fallback: T, source?: SettingSource): T;
  /** As `read`, but the environment has priority. */
  readOverridable<T>(
    key: K,
    field: TextField<T>,
    options: { fallback: T; variable: string; source?: SettingSource },
  ): T;
  /** As `read`, but a missing key is a mistake. */
  require<T>(key: K, field: Field<T>, options: { placeholder: T; hint: string }): T;
  /** Records a value that is computed from a whole part of the file. */
  note(key: K, value: SettingValue): void;
  pathOf(key: K): string;
}

export interface SectionOptions<K extends string> {
  path: string;
  known: readonly K[];
  /** Missing keys are not recorded, as another section shows them. */
  inherits?: boolean;
  /** A mistyped key is shown only if it resembles a known one, as it may be a part of a secret. */
  keysMayBeSecret?: boolean;
}

/** Reads a mapping that may be missing; unknown keys and values of another kind are mistakes. */
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
        // Sorted before all places in the file.
        const message = `Cannot use the environment as ${variable} ${error.reason}: current value is "${text}"`;
        onMistake(new YamlMistake(message, -1, error.hint));
        return fallback;
      }
    },
    require(key, field, { placeholder, hint }) {
      if (values?.[key] !== undefined) return section.read(key, field, placeholder);
      // If the mapping itself cannot be read, a mistake was reported already.
      if (value !== undefined && values !== undefined) onMistake(yamlError(value, `${pathOf(key)} is missing`, hint));
      return placeholder;
    },
  };
  return section;
}

/** The place of a value in the file, or that it is the default. */
function sourceOf(at: YamlValue | undefined): SettingSource {
  return at === undefined ? { kind: "default" } : { kind: "file", place: placeOf(at).replace(/:\d+$/, "") };
}
