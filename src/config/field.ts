/** Reads and shows one key: a field converts a YAML value to the value of the configuration. */
import { maybeNearestWord } from "../../common/core/nearest_word.ts";
import {
  isYamlList,
  type MistakeListener,
  readYamlList,
  readYamlText,
  tryReadYaml,
  yamlError,
  type YamlValue,
} from "./yaml_reader.ts";
import { TargetSyntaxError } from "../targets/target_spec.ts";
import type { SettingValue } from "./agent_config.ts";
import { formatByteSize, parseByteSize } from "./byte_size.ts";
import { formatDuration, parseDuration } from "../../common/core/duration.ts";
import { parsePort } from "./endpoint.ts";
import { ValueSyntaxError } from "../../common/core/value_syntax_error.ts";

export interface Field<T> {
  /** Throws `YamlMistake`; `what` names the key in messages. Mistakes in the items of a list go to `onMistake`. */
  read(value: YamlValue, what: string, onMistake: MistakeListener): T;
  show(value: T): SettingValue;
}

/** A field with a single text value, which can also come from the environment. */
export interface TextField<T> extends Field<T> {
  /** Throws `ValueSyntaxError`. */
  parse(text: string): T;
}

/** A field made of a parser that throws `ValueSyntaxError` or `TargetSyntaxError`. */
export function textField<T>(parse: (text: string) => T, show: (value: T) => SettingValue = String): TextField<T> {
  return {
    parse,
    show,
    read(value, what) {
      const text = readYamlText(value, what);
      try {
        return parse(text);
      } catch (error) {
        const found = `current value is "${text}"`;
        if (error instanceof ValueSyntaxError) throw yamlError(value, `${what} ${error.reason}: ${found}`, error.hint);
        if (error instanceof TargetSyntaxError) throw yamlError(value, `${error.reason}: ${found}`, error.hint);
        throw error;
      }
    },
  };
}

/** A field that may be left out; the value is null then. */
export function optionalField<T>(field: Field<T>): Field<T | null> {
  return { read: field.read, show: (value) => value === null ? null : field.show(value) };
}

/** A list of one kind of item; a single item may be written without a list. */
export function listField<T>(item: Field<T>, { mayBeEmpty = true } = {}): Field<readonly T[]> {
  return {
    read: (value, what, onMistake) =>
      (isYamlList(value) ? readYamlList(value, what, mayBeEmpty) : [value])
        .flatMap((one) => tryReadYaml(onMistake, () => [item.read(one, what, onMistake)]) ?? []),
    show: (values) => values.map((value) => String(item.show(value))),
  };
}

export function durationField(bounds: { min?: string; max?: string }): TextField<number> {
  return textField((text) => parseDuration(text, bounds), formatDuration);
}

export function byteSizeField(bounds: { min?: string; max?: string }): TextField<number> {
  return textField((text) => parseByteSize(text, bounds), formatByteSize);
}

export function integerField(min: number, max: number): TextField<number> {
  return textField((text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (!(value >= min && value <= max)) throw new ValueSyntaxError(`is not a whole number from ${min} to ${max}`);
    return value;
  }, (value) => value);
}

export const portField: TextField<number> = textField(parsePort, (port) => port);

/** A share of 1, written "10%". */
export function percentField(max: number): TextField<number> {
  return textField((text) => {
    const [, number] = /^(\d+(?:\.\d+)?)\s*%$/.exec(text) ?? [];
    if (number === undefined) throw new ValueSyntaxError("is not a percentage", "write a number with %, such as 10%");
    if (Number(number) > max) throw new ValueSyntaxError(`is above ${max}%`);
    return Number(number) / 100;
  }, (share) => `${Math.round(share * 10_000) / 100}%`);
}

/** YAML 1.1 words as well: an operator who writes "yes" means it. */
export const booleanField: TextField<boolean> = textField((text) => {
  if (/^(true|yes|on)$/i.test(text)) return true;
  if (/^(false|no|off)$/i.test(text)) return false;
  throw new ValueSyntaxError("is neither true nor false");
}, (value) => value);

export function choiceField<T extends string>(choices: readonly T[]): TextField<T> {
  return textField((text) => {
    const found = choices.find((choice) => choice.toLowerCase() === text.toLowerCase());
    if (found !== undefined) return found;
    const nearest = maybeNearestWord(text, choices);
    throw new ValueSyntaxError(
      "is not known",
      `${nearest === undefined ? "" : `did you mean "${nearest}"? `}one of ${choices.join(", ")}`,
    );
  });
}

/** An absolute path, so that it does not depend on the working directory. */
export const pathField: TextField<string> = textField((text) => {
  if (!/^(\/|[A-Za-z]:[\\/])/.test(text)) throw new ValueSyntaxError("is not an absolute path", "start it with /");
  return text;
});
