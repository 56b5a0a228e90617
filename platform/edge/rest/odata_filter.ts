/**
 * The text of $filter and $orderby as conditions (OData 4.0, part 2, section 5.1.1): comparisons of a property with a
 * value, text functions, and, or, not and parentheses. What is longer, deeper or has more parts than anybody types is
 * refused before it costs anything. Pure.
 */
import type { Entity } from "../../interfaces/entities.ts";
import {
  type Comparison,
  comparisons,
  type Filter,
  type PropertyType,
  type TextFunction,
  textFunctions,
  type Value,
} from "../../interfaces/filter.ts";
import type { Order } from "../../interfaces/list_entities.ts";
import { odataName } from "./odata_names.ts";
import { Problem } from "./problem.ts";

export const filterLimits = { length: 4000, depth: 20, terms: 100, order: 5 } as const;

interface Token {
  kind: "name" | "value" | "punctuation";
  text: string;
  value?: Value;
  type?: "string" | "number" | "dateTime" | "boolean" | "null";
  at: number;
}

const pattern =
  /(?<space>[ \t]+)|(?<string>'(?:[^']|'')*')|(?<time>\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,12})?)?(?:Z|[+-]\d\d:\d\d))?)(?![\w.])|(?<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])|(?<name>[A-Za-z_]\w*)|(?<punctuation>[(),])/y;

function tokensOf(text: string, option: string): Token[] {
  if (text.length > filterLimits.length) {
    throw new Problem(400, `${option} has more than ${filterLimits.length} characters`);
  }
  const tokens: Token[] = [];
  pattern.lastIndex = 0;
  for (let at = 0; at < text.length; at = pattern.lastIndex) {
    pattern.lastIndex = at;
    const groups = pattern.exec(text)?.groups;
    if (groups === undefined) throw new Problem(400, `${option} is not understood at position ${at + 1}`);
    const token = tokenOf(groups, at, option);
    if (token !== undefined) tokens.push(token);
  }
  return tokens;
}

function tokenOf(groups: Record<string, string | undefined>, at: number, option: string): Token | undefined {
  const { space, string, time, number, name, punctuation } = groups;
  if (space !== undefined) return undefined;
  if (string !== undefined) {
    const value = string.slice(1, -1).replaceAll("''", "'");
    // No database keeps this character in a text.
    if (value.includes("\0")) throw new Problem(400, `${option} has a character that no text has`);
    return { kind: "value", text: string, value, type: "string", at };
  }
  if (time !== undefined) {
    const value = Date.parse(time);
    if (Number.isNaN(value)) throw new Problem(400, `${option} has an invalid time at position ${at + 1}`);
    return { kind: "value", text: time, value, type: "dateTime", at };
  }
  if (number !== undefined) {
    const value = Number(number);
    if (!Number.isFinite(value)) throw new Problem(400, `${option} has a number that is too large`);
    return { kind: "value", text: number, value, type: "number", at };
  }
  if (name === "true" || name === "false") {
    return { kind: "value", text: name, value: name === "true", type: "boolean", at };
  }
  if (name === "null") return { kind: "value", text: name, value: null, type: "null", at };
  return name === undefined ? { kind: "punctuation", text: punctuation!, at } : { kind: "name", text: name, at };
}

/** Properties by the names that OData has for them. */
function propertyOf(entity: Entity, token: Token, option: string): string {
  const found = Object.keys(entity.properties).find((name) => odataName(name) === token.text);
  if (found !== undefined) return found;
  throw new Problem(400, `${option} names "${token.text}", which ${entity.set} do not have`);
}

/** Throws Problem. `canUse`: whether this list can be asked for a property. */
export function parseFilter(text: string, entity: Entity, canUse: (property: string) => boolean): Filter {
  return new FilterParser(tokensOf(text, option), entity, canUse).whole();
}

const option = "$filter";

/** By descent, from the operator that binds least. */
class FilterParser {
  #at = 0;
  #terms = 0;

  constructor(
    readonly tokens: readonly Token[],
    readonly entity: Entity,
    readonly canUse: (property: string) => boolean,
  ) {}

  whole(): Filter {
    const filter = this.#either(0);
    if (this.#at < this.tokens.length) this.#fail(this.#next());
    return filter;
  }

  #either(depth: number): Filter {
    const parts = [this.#both(depth)];
    while (this.#takes("or")) parts.push(this.#both(depth));
    return parts.length === 1 ? parts[0]! : { kind: "or", of: parts };
  }

  #both(depth: number): Filter {
    const parts = [this.#one(depth)];
    while (this.#takes("and")) parts.push(this.#one(depth));
    return parts.length === 1 ? parts[0]! : { kind: "and", of: parts };
  }

  #one(depth: number): Filter {
    if (depth > filterLimits.depth) throw new Problem(400, `${option} is nested more than ${filterLimits.depth} deep`);
    if (this.#takes("not")) return { kind: "not", of: this.#one(depth + 1) };
    if (this.#takes("(")) {
      const inner = this.#either(depth + 1);
      this.#take(")");
      return inner;
    }
    if (++this.#terms > filterLimits.terms) {
      throw new Problem(400, `${option} has more than ${filterLimits.terms} conditions`);
    }
    const first = this.#take();
    return first.kind === "name" && this.#isNext("(") ? this.#called(first) : this.#compared(first);
  }

  #called(name: Token): Filter {
    if (!(textFunctions as readonly string[]).includes(name.text)) {
      throw new Problem(501, `${option} has the function "${name.text.slice(0, 40)}", which is not supported`);
    }
    this.#take("(");
    const of = this.#property(this.#take());
    this.#take(",");
    const value = this.#take();
    if (value.type !== "string" || this.entity.properties[of]!.type !== "string") this.#fail(value);
    this.#take(")");
    const found: Filter = { kind: "text", name: name.text as TextFunction, property: of, value: value.value as string };
    // As some programs write it: contains(Model,'x') eq true.
    if (!this.#isNext("eq") && !this.#isNext("ne")) return found;
    const isEqual = this.#take().text === "eq", wanted = this.#take();
    if (wanted.type !== "boolean") this.#fail(wanted);
    return wanted.value === isEqual ? found : { kind: "not", of: found };
  }

  #compared(first: Token): Filter {
    const operator = this.#next();
    const isComparison = operator?.kind === "name" && (comparisons as readonly string[]).includes(operator.text);
    // A boolean alone.
    if (!isComparison) {
      const name = this.#property(first);
      if (this.entity.properties[name]!.type !== "boolean") this.#fail(operator);
      return { kind: "compare", property: name, operator: "eq", value: true };
    }
    this.#at++;
    const second = this.#take(), isTurned = first.kind === "value";
    const name = this.#property(isTurned ? second : first), value = isTurned ? first : second;
    if (value.kind !== "value") {
      throw new Problem(501, `${option} compares with "${value.text}": only values are supported`);
    }
    const { type } = this.entity.properties[name]!;
    checkType(type, value, operator.text as Comparison);
    return {
      kind: "compare",
      property: name,
      operator: isTurned ? turned[operator.text as Comparison] : operator.text as Comparison,
      value: value.value!,
    };
  }

  #property(token: Token): string {
    if (token.kind !== "name") this.#fail(token);
    const name = propertyOf(this.entity, token, option);
    if (this.canUse(name)) return name;
    throw new Problem(501, `${option} cannot use ${token.text}`);
  }

  #next(): Token | undefined {
    return this.tokens[this.#at];
  }

  #isNext(text: string): boolean {
    const token = this.#next();
    return token?.kind !== "value" && token?.text === text;
  }

  #takes(text: string): boolean {
    const isTaken = this.#isNext(text);
    if (isTaken) this.#at++;
    return isTaken;
  }

  #take(text?: string): Token {
    const token = this.#next();
    if (token === undefined || (text !== undefined && !this.#isNext(text))) return this.#fail(token);
    this.#at++;
    return token;
  }

  #fail(token: Token | undefined): never {
    throw new Problem(
      400,
      token === undefined
        ? `${option} ends too early`
        : `${option} is not understood at position ${token.at + 1}: "${token.text.slice(0, 40)}"`,
    );
  }
}

const turned = { eq: "eq", ne: "ne", gt: "lt", ge: "le", lt: "gt", le: "ge" } as const;
const takes: Record<PropertyType, Token["type"]> = {
  string: "string",
  int32: "number",
  int64: "number",
  double: "number",
  boolean: "boolean",
  dateTime: "dateTime",
};

function checkType(type: PropertyType, { type: given, text }: Token, operator: Comparison): void {
  const isEquality = operator === "eq" || operator === "ne";
  if (given === "null" ? isEquality : takes[type] === given && (type !== "boolean" || isEquality)) return;
  throw new Problem(400, `${option} compares a property of type ${type} by ${operator} with ${text.slice(0, 40)}`);
}

/** Throws Problem. */
export function parseOrder(text: string, entity: Entity, canUse: (property: string) => boolean): Order[] {
  const option = "$orderby";
  if (text.length > filterLimits.length) throw new Problem(400, `${option} is too long`);
  const parts = text.split(",");
  if (parts.length > filterLimits.order) {
    throw new Problem(400, `${option} has more than ${filterLimits.order} properties`);
  }
  return parts.map((part) => {
    const [, name, direction = "asc"] = /^\s*(\w+)(?:\s+(asc|desc))?\s*$/.exec(part) ?? [];
    if (name === undefined) throw new Problem(400, `${option} is not understood: "${part.slice(0, 40)}"`);
    const property = propertyOf(entity, { kind: "name", text: name, at: 0 }, option);
    if (!canUse(property)) throw new Problem(501, `${option} cannot use ${name}`);
    return { property, isDescending: direction === "desc" };
  });
}
